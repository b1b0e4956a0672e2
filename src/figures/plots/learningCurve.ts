import { ModlinguaError } from "../../base/index.js";
import type { CommonOptions, Plot, ScatterTrace } from "../figure.js";
import { escapeMarkup, font, frame, heading, textWidth, themeNamed } from "../theme.js";

export interface CurvePoint {
  readonly step: number;
  readonly value: number;
}

/** The history of one training run. */
export interface TrainingCurve {
  readonly name: string;
  /** Training loss by step. */
  readonly loss: readonly CurvePoint[];
  /** Score on the development set by step, in [0, 1]. */
  readonly dev?: readonly CurvePoint[];
}

export interface LearningCurveOptions extends CommonOptions {
  /** Name of the development score; default "dev score". */
  readonly metric?: string;
  /** Weight of the past in the running mean of the loss, in [0, 1); 0 (default) draws the loss as it is. */
  readonly smoothing?: number;
}

/** Training loss by step on the left axis, development score (dashed, with markers, a star at its best) on the right one. */
export const learningCurve: Plot<readonly TrainingCurve[], LearningCurveOptions> = (runs, options = {}) => {
  const theme = themeNamed(options.theme);
  const metric = options.metric ?? "dev score";
  const smoothing = checkedSmoothing(options.smoothing ?? 0);
  if (runs.length === 0) throw new ModlinguaError("data", "a learning curve needs at least one run, got none");
  runs.forEach(checkRun);
  const color = (i: number): string => theme.series[i % theme.series.length]!;
  const hasDev = runs.some((run) => (run.dev ?? []).length > 0);
  const title = heading(theme, options.title, 640);
  const entries = runs.length * (hasDev ? 2 : 1);
  // Plotly sets the two entries of a run one above the other, and runs side by side.
  const runWidth = Math.max(...runs.map((run) => textWidth(`${run.name}: ${hasDev ? metric : "loss"}`, 12))) + 60;
  const legendRows = Math.ceil(runs.length / Math.max(1, Math.floor(552 / runWidth))) * (hasDev ? 2 : 1);
  const top = Math.round(title.height + 16 + (entries > 1 ? legendRows * 20 + 8 : 0));
  const axis = { tickfont: font(theme, 11), gridcolor: theme.grid, zeroline: false, showline: true, linecolor: theme.muted, ticks: "outside", automargin: false } as const;
  return {
    data: runs.flatMap((run, i) => [...lossTraces(run, color(i), smoothing), ...devTraces(run, color(i), metric)]),
    layout: {
      ...frame(theme), width: 640, height: top + 270 + 56, margin: { l: 64, r: hasDev ? 64 : 24, t: top, b: 56 },
      xaxis: { ...axis, title: { text: "step", standoff: 8, font: font(theme, 13) }, showgrid: false, rangemode: "tozero" },
      yaxis: { ...axis, title: { text: "training loss", standoff: 8, font: font(theme, 13) }, showgrid: true, rangemode: "tozero" },
      ...(hasDev ? { yaxis2: { ...axis, title: { text: escapeMarkup(`${metric} (%)`), standoff: 8, font: font(theme, 13) }, overlaying: "y", side: "right", showgrid: false, range: [0, 100] as const, tickmode: "array", tickvals: [0, 20, 40, 60, 80, 100] } as const } : {}),
      annotations: title.place(64, top),
      hovermode: "closest",
      showlegend: entries > 1,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: font(theme, 12) },
    },
    meta: { plot: "learningCurve", alt: describe(runs, metric) },
  };
};

function checkedSmoothing(smoothing: number): number {
  if (!(smoothing >= 0 && smoothing < 1)) throw new ModlinguaError("config", `smoothing is ${smoothing}, expected a number in [0, 1)`);
  return smoothing;
}

function checkRun({ name, loss, dev }: TrainingCurve): void {
  const bad = [...loss, ...(dev ?? [])].find(({ step, value }) => !Number.isFinite(step) || !Number.isFinite(value));
  if (bad !== undefined) throw new ModlinguaError("data", `the curve holds ${bad.value} at step ${bad.step}`, { place: `run ${name}` });
  if (loss.length === 0) throw new ModlinguaError("data", "the curve has no point", { place: `run ${name}` });
}

function lossTraces({ name, loss }: TrainingCurve, color: string, smoothing: number): ScatterTrace[] {
  const shared = { type: "scatter", mode: "lines", x: loss.map((point) => point.step), legendgroup: name } as const;
  const label = escapeMarkup(`${name}: loss`);
  const raw: ScatterTrace = { ...shared, name: label, y: loss.map((point) => point.value), line: { color, width: 2 }, hovertemplate: "step %{x}: %{y:.4f}", showlegend: true };
  if (smoothing === 0) return [raw];
  return [
    { ...raw, opacity: 0.3, line: { color, width: 1 }, showlegend: false },
    { ...raw, y: runningMean(loss.map((point) => point.value), smoothing) },
  ];
}

/** Exponential running mean without the bias of its start: the weights of the points seen so far sum to one. */
function runningMean(values: readonly number[], smoothing: number): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = smoothing * sum + (1 - smoothing) * value;
    weight = smoothing * weight + (1 - smoothing);
    return sum / weight;
  });
}

function devTraces({ name, dev }: TrainingCurve, color: string, metric: string): ScatterTrace[] {
  if (dev === undefined || dev.length === 0) return [];
  const best = dev.reduce((a, b) => (b.value > a.value ? b : a));
  const shared = { type: "scatter", yaxis: "y2", legendgroup: name, hovertemplate: "step %{x}: %{y:.1f}" } as const;
  return [
    { ...shared, mode: "lines+markers", name: escapeMarkup(`${name}: ${metric}`), x: dev.map((point) => point.step), y: dev.map((point) => point.value * 100), line: { color, width: 1.5, dash: "dash" }, marker: { color, size: 5 }, showlegend: true },
    { ...shared, mode: "markers", name: escapeMarkup(`${name}: best`), x: [best.step], y: [best.value * 100], marker: { color, size: 12, symbol: "star" }, showlegend: false },
  ];
}

function describe(runs: readonly TrainingCurve[], metric: string): string {
  const parts = runs.map(({ name, loss, dev }) => {
    const best = (dev ?? []).reduce<CurvePoint | undefined>((a, b) => (a === undefined || b.value > a.value ? b : a), undefined);
    return `${name} from ${loss[0]!.value.toFixed(3)} to ${loss.at(-1)!.value.toFixed(3)} in ${loss.at(-1)!.step} steps${best === undefined ? "" : `, best ${metric} ${(best.value * 100).toFixed(1)} at step ${best.step}`}`;
  });
  return `Training loss by step: ${parts.join("; ")}.`;
}
