// Numbers that judge a measure on a machine that others use too.

/** The value below which a share `q` of the numbers lies, by linear interpolation. */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)];
  return low + (sorted[Math.ceil(place)] - low) * (place % 1);
}

export const median = (numbers) => quantile(numbers, 0.5);

/** Quartiles: half of all rounds lie between them. */
export const quartiles = (numbers) => [quantile(numbers, 0.25), quantile(numbers, 0.75)];
