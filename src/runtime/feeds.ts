import { type Dim, ModlinguaError, type Tensor } from "../base/index.js";
import type { ValueDescription } from "./protocol.js";

/** Refuses a tensor that cannot be what `input` wants: another element type, another rank, another fixed dimension. */
export function checkFeed(session: string, name: string, given: Pick<Tensor, "dtype" | "dims">, input: ValueDescription): void {
  const fits = given.dtype === input.dtype && (input.shape === undefined || fitsShape(given.dims, input.shape));
  if (fits) return;
  throw new ModlinguaError("graph", `input ${JSON.stringify(name)} is ${shown(given.dtype, given.dims)}, expected ${shown(input.dtype ?? "not a tensor", input.shape ?? [])}`, { place: session });
}

function fitsShape(dims: readonly number[], shape: readonly Dim[]): boolean {
  return dims.length === shape.length && dims.every((dim, axis) => typeof shape[axis] === "string" || shape[axis] === dim);
}

/** What is wrong if inputs are missing; a long list is cut. */
export function missingInputs(inputs: readonly string[], ...given: readonly object[]): string | undefined {
  const missing = inputs.filter((name) => !given.some((table) => Object.hasOwn(table, name)));
  if (missing.length === 0) return undefined;
  return `${missing.length} of ${inputs.length} inputs are missing: ${missing.slice(0, 5).join(", ")}${missing.length > 5 ? ", …" : ""}`;
}

/** Types and shapes of the first feeds, for messages. */
export function describeFeeds(feeds: Readonly<Record<string, Tensor>>): string {
  const entries = Object.entries(feeds);
  const first = entries.slice(0, 6).map(([name, { dtype, dims }]) => `${name} ${shown(dtype, dims)}`);
  return [...first, ...(entries.length > 6 ? [`${entries.length - 6} more`] : [])].join(", ") || "no feeds";
}

function shown(dtype: string, shape: readonly Dim[]): string {
  return `${dtype}[${shape.join(", ")}]`;
}
