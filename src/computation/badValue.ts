import { ModlinguaError } from "../base/index.js";

/** The refusal of one configuration value. */
export function badValue(method: string, key: string, given: unknown, expected: string): ModlinguaError {
  return new ModlinguaError("config", `${key} must be ${expected}, got ${JSON.stringify(given)}`, { place: `method ${method}` });
}
