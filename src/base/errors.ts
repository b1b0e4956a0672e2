/** What kind of refusal it is; the cli and tests look at this, people read the message. */
export type ErrorKind = "format" | "graph" | "backbone" | "config" | "data" | "device" | "download" | "training" | "io" | "usage" | "aborted";

export interface ErrorDetails {
  /** The file or address the refusal is about. */
  readonly file?: string;
  /** The place in it: a line, a byte offset, a node, a tensor, a key. */
  readonly place?: string;
  /** What to do about it, as an imperative sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/**
 * The one error this library throws on purpose. `problem` says what was given and what was expected;
 * file, place and remedy are kept as fields and are part of the one-line message.
 */
export class ModlinguaError extends Error {
  readonly kind: ErrorKind;
  readonly file: string | undefined;
  readonly place: string | undefined;
  readonly remedy: string | undefined;

  constructor(kind: ErrorKind, problem: string, details: ErrorDetails = {}) {
    const where = [details.file, details.place].filter((part) => part !== undefined).join(", ");
    const text = `${where === "" ? "" : `${where}: `}${problem}${details.remedy === undefined ? "" : ` — ${details.remedy}`}`;
    super(text.replace(/\s*\n\s*/g, " "), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ModlinguaError";
    this.kind = kind;
    this.file = details.file;
    this.place = details.place;
    this.remedy = details.remedy;
  }
}

/** The refusal for a name that is not in a registry: says what exists and the nearest of it. */
export function unknownName(kind: ErrorKind, what: string, given: string, known: readonly string[]): ModlinguaError {
  const nearest = nearestName(given, known);
  return new ModlinguaError(kind, `unknown ${what} ${JSON.stringify(given)}; known: ${[...known].sort().join(", ")}`,
    nearest === undefined ? {} : { remedy: `did you mean ${JSON.stringify(nearest)}?` });
}

/** The known name with the smallest edit distance to `given`, if it is near enough to be a typing slip (at most a third of its length). */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best !== undefined && bestDistance <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Throws the refusal of an aborted job if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new ModlinguaError("aborted", `${what} was interrupted`, { cause: signal.reason });
}
