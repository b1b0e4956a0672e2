import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { ModlinguaError } from "#src/base/index.js";

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-formats-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The typed error that `act` must throw; anything else fails the test. */
export function refusal(act: () => unknown): ModlinguaError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ModlinguaError, `not a typed error: ${error instanceof Error ? error.stack : String(error)}`);
    assert.doesNotMatch(error.message, /undefined|\[object|NaN/, "an unfilled placeholder");
    return error;
  }
  return assert.fail("nothing was refused");
}

/** Runs `act` and swallows typed errors: what a fuzzer may see. */
export function onlyTypedErrors(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ModlinguaError, `not a typed error: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
