import { ModlinguaError } from "../base/index.js";

let current: AbortController | undefined;

/**
 * A signal that fires when the user presses the notebook's stop button (or Ctrl-C outside one). tslab itself only stops waiting for a cell:
 * work that was started goes on behind its back. Hand this signal to long jobs, so that they end.
 */
export function interruptSignal(): AbortSignal {
  if (current === undefined || current.signal.aborted) {
    const controller = new AbortController();
    current = controller;
    process.once("SIGINT", () => controller.abort(new ModlinguaError("aborted", "interrupted by the user")));
  }
  return current.signal;
}
