/** ‖g‖₂ over all tensors, summed in double precision. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  }
  return Math.sqrt(sum);
}

/** Pascanu et al. 2013, algorithm 1: scales the gradients down, in place, to a global norm of at most `limit`. Gives the norm before. */
export function clipByGlobalNorm(gradients: readonly Float32Array[], limit: number): number {
  const norm = globalNorm(gradients);
  if (norm <= limit || !Number.isFinite(norm)) return norm;
  for (const gradient of gradients) scale(gradient, limit / norm);
  return norm;
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}

/** sum ← sum + addend, tensor by tensor. */
export function addInto(sum: readonly Float32Array[], addend: readonly Float32Array[]): void {
  sum.forEach((into, t) => {
    const from = addend[t]!;
    for (let i = 0; i < into.length; i++) into[i]! += from[i]!;
  });
}
