import type { Progress, ProgressListener } from "../base/index.js";

/** Mime type under which a notebook's progress display carries the `Progress` itself, so that a runner can draw it again. */
export const progressMime = "application/vnd.modlingua.progress+json";

/** At most ten drawings a second. */
export const drawEveryMs = 100;

/** One line of text: `train ner (tr)  42 % ████████░░░░  420/1000 steps  loss 0.42`. */
export function progressLine({ task, done, total, unit, numbers = {} }: Progress): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const filled = Math.round(share * 24);
  const extra = Object.entries(numbers).map(([name, value]) => `${name} ${shortNumber(value)}`);
  return [task, `${String(Math.floor(share * 100)).padStart(3)} % ${"█".repeat(filled)}${"░".repeat(24 - filled)}`, `${shortNumber(done)}/${shortNumber(total)} ${unit}`, ...extra].join("  ");
}

/** A number in few characters: 1234567 → 1,234,567; 0.4215 → 0.422. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** Whether a report closes its task. */
export function isLast({ done, total }: Progress): boolean {
  return done >= total;
}

/** What a terminal bar needs of a stream; `process.stderr` is one. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * A listener that draws progress in a terminal: one line redrawn in place; the last report of a task stays.
 * Where the stream is a file or pipe, a line is printed at each tenth of a task instead.
 */
export function terminalProgress(stream: TextStream = process.stderr): ProgressListener {
  let drawnAt = -Infinity;
  let open: string | undefined;
  const tenths = new Map<string, number>();
  const onTerminal: ProgressListener = (progress) => {
    const now = performance.now();
    if (!isLast(progress) && progress.task === open && now - drawnAt < drawEveryMs) return;
    if (open !== undefined && open !== progress.task) stream.write("\n");
    drawnAt = now;
    open = isLast(progress) ? undefined : progress.task;
    stream.write(`\r\u001b[2K${cut(progressLine(progress), stream.columns ?? 100)}${isLast(progress) ? "\n" : ""}`);
  };
  const onPipe: ProgressListener = (progress) => {
    const tenth = progress.total > 0 ? Math.floor((10 * progress.done) / progress.total) : 0;
    if (tenths.get(progress.task) === tenth) return;
    tenths.set(progress.task, tenth);
    stream.write(`${progressLine(progress)}\n`);
    if (isLast(progress)) tenths.delete(progress.task);
  };
  return stream.isTTY === true ? onTerminal : onPipe;
}

function cut(line: string, columns: number): string {
  const characters = [...line];
  return characters.length < columns ? line : `${characters.slice(0, Math.max(0, columns - 2)).join("")}…`;
}
