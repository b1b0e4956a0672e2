import type { EncoderConfig } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";

/** The refusal of one configuration value. */
export function badValue(method: string, key: string, given: unknown, expected: string): ModlinguaError {
  return new ModlinguaError("config", `${key} must be ${expected}, got ${JSON.stringify(given)}`, { place: `method ${method}` });
}

/** Refuses what is no share of things to leave out by chance. */
export function checkShare(method: string, key: string, given: number): void {
  if (!(given >= 0 && given < 1)) throw badValue(method, key, given, "a number from 0 to below 1");
}

/** Refuses layers to leave out that the backbone does not have. */
export function checkLeaveOut(method: string, leaveOut: readonly number[], { layers }: EncoderConfig): void {
  const known = (layer: number): boolean => Number.isInteger(layer) && layer >= 0 && layer < layers;
  if (!leaveOut.every(known)) throw badValue(method, "leaveOut", leaveOut, `layer numbers from 0 to ${layers - 1}`);
}
