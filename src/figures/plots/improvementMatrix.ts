import type { Plot } from "../figure.js";
import type { DrawnCell, MatrixCell, MatrixOptions } from "../matrix.js";
import { drawMatrix, fixed, indexCells, orderLanguages, ticksOf, zeroShotMean } from "../matrix.js";
import { escapeMarkup, themeNamed } from "../theme.js";

/** Two runs of the same matrix, e.g. with and without language adapters. */
export interface ComparedCells {
  readonly with: readonly MatrixCell[];
  readonly without: readonly MatrixCell[];
}

export interface ImprovementMatrixOptions extends MatrixOptions {
  /** The difference at the ends of the colour scale, in the unit of the scores; default: the largest one, rounded up. */
  readonly largest?: number;
}

/**
 * The matrix of differences `with − without`, on a diverging scale whose middle is zero: what is gained where.
 * A cell is drawn only where both runs measured it. In percent the differences are points.
 */
export const improvementMatrix: Plot<ComparedCells, ImprovementMatrixOptions> = (runs, options = {}) => {
  const unit = options.unit ?? "percent";
  const factor = unit === "percent" ? 100 : 1;
  const [after, before] = [indexCells(runs.with, unit), indexCells(runs.without, unit)];
  const { sources, targets } = orderLanguages([...runs.with, ...runs.without], options);
  const digits = options.digits ?? (unit === "raw" ? 2 : targets.length <= 26 ? 1 : 0);
  const metric = options.metric ?? "score";
  const change = (source: string, target: string): number | undefined => {
    const [high, low] = [after(source, target), before(source, target)];
    return high === undefined || low === undefined ? undefined : (high.score - low.score) * factor;
  };
  const rows = sources.map((source) => targets.map((target) => drawChange(`${source} → ${target}`, change(source, target), after(source, target), before(source, target), factor, digits)));
  const means = sources.map((source) => zeroShotMean(source, targets, (target) => change(source, target)));
  const largest = options.largest === undefined ? roundUp(rows.flat().map((cell) => Math.abs(cell.value ?? 0)), unit) : options.largest * factor;
  const withMeans = options.mean ?? true;
  return drawMatrix({
    plot: "improvementMatrix", sources, targets, cells: rows, options,
    means: withMeans ? means.map(({ mean, measured, of }, i) => drawMean(sources[i]!, mean, measured, of, digits)) : undefined,
    scale: themeNamed(options.theme).diverging, range: [-largest, largest],
    ticks: ticksOf([-largest, largest]).map((value) => ({ value, text: value > 0 ? `+${value}` : String(value).replace("-", "\u2212") })),
    barTitle: unit === "percent" ? `Δ ${metric} (points)` : `Δ ${metric}`,
    notes: withMeans && means.some(({ mean, measured, of }) => mean !== undefined && measured < of) ? ["* mean of the measured targets only"] : [],
    lines: 1,
    alt: describe(metric, sources, targets, rows),
  });
};

function signed(value: number, digits: number): string {
  const text = fixed(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

function drawChange(pair: string, change: number | undefined, after: MatrixCell | undefined, before: MatrixCell | undefined, factor: number, digits: number): DrawnCell {
  const name = escapeMarkup(pair);
  if (change === undefined || after === undefined || before === undefined) return { value: undefined, text: "–", hover: `${name}: not measured in both runs` };
  const shown = Math.max(digits, 1);
  return { value: change, text: signed(change, digits), hover: `${name}: ${signed(change, shown)} (${fixed(before.score * factor, shown)} → ${fixed(after.score * factor, shown)})` };
}

function drawMean(source: string, mean: number | undefined, measured: number, of: number, digits: number): DrawnCell {
  const name = escapeMarkup(`${source} → all others`);
  if (mean === undefined) return { value: undefined, text: "–", hover: `${name}: none measured` };
  return { value: mean, text: `${signed(mean, digits)}${measured < of ? "*" : ""}`, hover: `${name}: ${signed(mean, Math.max(digits, 1))}, mean of ${measured} of ${of} targets` };
}

function roundUp(sizes: readonly number[], unit: "percent" | "raw"): number {
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  if (unit === "raw") return largest === 0 ? 1 : largest;
  return Math.max(5, Math.ceil(largest / 5) * 5);
}

function describe(metric: string, sources: readonly string[], targets: readonly string[], rows: readonly (readonly DrawnCell[])[]): string {
  const changes = rows.flat().flatMap((cell) => cell.value ?? []);
  const gained = changes.filter((change) => change > 0).length;
  const lost = changes.filter((change) => change < 0).length;
  return `Matrix of differences in ${metric}: ${sources.length} source by ${targets.length} target languages; ${gained} cells better, ${lost} worse, ${changes.length - gained - lost} equal, ${sources.length * targets.length - changes.length} not measured in both runs.`;
}
