/** The whole state of a stream: four 32-bit words (and nothing else), so that a run can be saved and resumed exactly. */
export type RandomState = readonly [number, number, number, number];

/** A stream of random numbers known by a seed and a name: the same two give the same numbers on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** A standard normal number (Box–Muller, one of the pair used, so that the state alone determines what follows). */
  normal(): number;
  /** An integer in [0, n), without modulo bias. */
  integer(n: number): number;
  /** A new array with the items in random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[];
  state(): RandomState;
}

/**
 * The stream named by `seed` and the path of names, e.g. `randomStream(1, "ner", "down", 3)`.
 * sfc32 seeded by four differently salted FNV-1a hashes of the path.
 */
export function randomStream(seed: number, ...path: readonly (string | number)[]): RandomStream {
  const text = [seed, ...path].join("\u0000");
  const state: [number, number, number, number] = [fnv1a(text, 1), fnv1a(text, 2), fnv1a(text, 3), 1];
  const stream = resumeStream(state);
  for (let i = 0; i < 15; i++) stream.uniform();
  return stream;
}

/** The stream that goes on from a saved state. */
export function resumeStream(saved: RandomState): RandomStream {
  let [a, b, c, counter] = saved;
  const word = (): number => {
    const t = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + t) >>> 0;
    return t;
  };
  const uniform = (): number => word() / 4294967296;
  const integer = (n: number): number => {
    const limit = Math.floor(4294967296 / n) * n;
    for (;;) {
      const value = word();
      if (value < limit) return value % n;
    }
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer,
    shuffle: (items) => {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [out[i], out[j]] = [out[j]!, out[i]!];
      }
      return out;
    },
    state: () => [a, b, c, counter],
  };
}

function fnv1a(text: string, salt: number): number {
  let hash = (2166136261 ^ Math.imul(salt, 0x9e3779b1)) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619) >>> 0;
  return hash;
}
