import { randomUUID } from "node:crypto";
import type { Progress, ProgressListener } from "../base/index.js";
import { escapeHtml, inKernel, showBundle } from "./kernelDisplay.js";
import { drawEveryMs, isLast, progressLine, progressMime, shortNumber, terminalProgress } from "./progress.js";

/**
 * A listener that draws progress as one bar in the current cell, at most ten times a second, the last report of a task always.
 * `task` names the bar; default: the task of the report. Outside a kernel it draws on stderr.
 */
export function progressBar(task?: string): ProgressListener {
  const named = (progress: Progress): Progress => (task === undefined ? progress : { ...progress, task });
  if (!inKernel()) {
    const draw = terminalProgress();
    return (progress) => draw(named(progress));
  }
  const displayId = randomUUID();
  const started = performance.now();
  let drawnAt = -Infinity;
  return (progress) => {
    const now = performance.now();
    if (!isLast(progress) && now - drawnAt < drawEveryMs) return;
    showBundle(progressBundle(named(progress), (now - started) / 1000), { displayId, update: drawnAt > -Infinity });
    drawnAt = now;
  };
}

/** The display of a report: a bar for people, a line of text for what shows no HTML, and the report itself for a runner. */
export function progressBundle(progress: Progress, seconds: number): Readonly<Record<string, unknown>> {
  return { [progressMime]: progress, "text/html": progressHtml(progress, seconds), "text/plain": progressLine(progress) };
}

function progressHtml({ task, done, total, unit, numbers = {} }: Progress, seconds: number): string {
  const left = done > 0 && done < total ? `, ${duration((seconds * (total - done)) / done)} left` : "";
  const parts = [`${shortNumber(done)}/${shortNumber(total)} ${unit}`, `${duration(seconds)}${left}`, ...Object.entries(numbers).map(([name, value]) => `${name} ${shortNumber(value)}`)];
  const label = escapeHtml(task);
  return `<div style="font-variant-numeric:tabular-nums"><label>${label} <progress value="${Math.min(done, total)}" max="${Math.max(total, Number.MIN_VALUE)}" style="width:16em;vertical-align:middle" aria-label="${label}"></progress></label> ${escapeHtml(parts.join(" · "))}</div>`;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
