import type { Progress, ProgressListener } from "../base/index.js";

/** The part of a stream that a bar needs. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressBar {
  readonly update: ProgressListener;
  /** Leaves the line, so that something else may be printed. */
  leave(): void;
}

const redrawEvery = 100;
const logEvery = 10_000;

/**
 * Draws progress on one line of a terminal, at most ten times a second. Where the stream is no terminal, a line is
 * printed when a task begins to be slow (every ten seconds) and when it ends.
 */
export function progressBar(screen: Screen, now: () => number = Date.now): ProgressBar {
  let drawn = 0;
  let task = "";
  let open = false;
  const leave = (): void => {
    if (open) screen.write("\n");
    open = false;
  };
  const update = (progress: Progress): void => {
    const ended = progress.done >= progress.total;
    const fresh = progress.task !== task;
    const pause = screen.isTTY === true ? redrawEvery : logEvery;
    if (fresh) {
      leave();
      task = progress.task;
      if (screen.isTTY !== true) drawn = now();
    }
    if (!ended && !(fresh && screen.isTTY === true) && now() - drawn < pause) return;
    drawn = now();
    if (screen.isTTY === true) {
      screen.write(`\r\x1b[K${barLine(progress, screen.columns ?? 80)}`);
      open = true;
      if (ended) leave();
    } else screen.write(`${barLine(progress, 120)}\n`);
    if (ended) task = "";
  };
  return { update, leave };
}

/** `train ner (en)  ████████░░░░  120/240 steps  loss 0.42` cut to `width`. */
export function barLine({ task, done, total, unit, numbers = {} }: Progress, width: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const cells = 20;
  const full = Math.round(share * cells);
  const extra = Object.entries(numbers).map(([name, value]) => `${name} ${Number.isInteger(value) ? value : Number(value.toPrecision(3))}`);
  const line = [task, "█".repeat(full) + "░".repeat(cells - full), `${done}/${total} ${unit}`, ...extra].join("  ");
  return line.length <= width - 1 ? line : `${line.slice(0, Math.max(0, width - 2))}…`;
}
