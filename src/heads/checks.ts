import { ModlinguaError } from "../base/index.js";

/** Refuses a value of a head's configuration that is none of the known ones. */
export function requireOneOf(task: string, key: string, given: unknown, known: readonly string[]): void {
  if (!(known as readonly unknown[]).includes(given)) throw new ModlinguaError("config", `${key} must be one of ${known.join(", ")}, got ${JSON.stringify(given)}`, { place: `head ${task}` });
}

/** Refuses a number of layers that is not 1, 2, … */
export function requireLayers(task: string, given: unknown): void {
  if (!Number.isInteger(given) || (given as number) < 1) throw new ModlinguaError("config", `layers must be a whole number of at least 1, got ${JSON.stringify(given)}`, { place: `head ${task}` });
}
