import type { Plot } from "../figure.js";
import type { DrawnCell, MatrixCell, MatrixOptions } from "../matrix.js";
import { drawMatrix, fixed, indexCells, orderLanguages, ticksOf, zeroShotMean } from "../matrix.js";
import { escapeMarkup, themeNamed } from "../theme.js";

export interface TransferMatrixOptions extends MatrixOptions {
  /** Prints the standard deviation under the value (default false: it is shown on hovering). */
  readonly printSd?: boolean;
  /** Ends of the colour scale, in the unit of the scores; default: the extremes rounded outwards. */
  readonly range?: readonly [number, number];
}

/**
 * The source × target matrix of zero-shot scores: rows are trained on, columns evaluated on.
 * Every value is printed; the diagonal is outlined; cells that were not measured are grey with a dash;
 * a row's mean leaves the diagonal out and carries a star where targets are missing.
 */
export const transferMatrix: Plot<readonly MatrixCell[], TransferMatrixOptions> = (cells, options = {}) => {
  const unit = options.unit ?? "percent";
  const factor = unit === "percent" ? 100 : 1;
  const at = indexCells(cells, unit);
  const { sources, targets } = orderLanguages(cells, options);
  const digits = options.digits ?? (unit === "raw" ? 2 : targets.length <= 26 ? 1 : 0);
  const metric = options.metric ?? "score";
  const rows = sources.map((source) => targets.map((target) => drawCell(source, target, at(source, target), factor, digits, options.printSd === true)));
  const means = sources.map((source) => zeroShotMean(source, targets, (target) => at(source, target)?.score));
  const values = rows.flat().flatMap((cell) => cell.value ?? []);
  const range = options.range === undefined ? outwards(values, unit) : [options.range[0] * factor, options.range[1] * factor] as const;
  const withMeans = options.mean ?? true;
  return drawMatrix({
    plot: "transferMatrix", sources, targets, cells: rows, options,
    means: withMeans ? means.map(({ mean, measured, of }, i) => drawMean(sources[i]!, mean, measured, of, factor, digits)) : undefined,
    scale: themeNamed(options.theme).sequential,
    range, ticks: ticksOf(range).map((value) => ({ value, text: String(value) })),
    barTitle: unit === "percent" ? `${metric} (%)` : metric,
    notes: withMeans && means.some(({ mean, measured, of }) => mean !== undefined && measured < of) ? ["* mean of the measured targets only"] : [],
    lines: options.printSd === true ? 2 : 1,
    alt: describe(metric, sources, targets, rows, means.map(({ mean }) => (mean === undefined ? undefined : fixed(mean * factor, digits))), digits),
  });
};

function drawCell(source: string, target: string, cell: MatrixCell | undefined, factor: number, digits: number, printSd: boolean): DrawnCell {
  const name = escapeMarkup(`${source} → ${target}`);
  if (cell === undefined) return { value: undefined, text: "–", hover: `${name}: not measured` };
  const value = cell.score * factor;
  const sd = cell.sd === undefined ? "" : `±${fixed(cell.sd * factor, Math.max(digits, 1))}`;
  const size = cell.n === undefined ? "" : `, n = ${cell.n}`;
  return {
    value,
    text: `${fixed(value, digits)}${printSd && sd !== "" ? `<br>${sd}` : ""}`,
    hover: `${name}: ${fixed(value, Math.max(digits, 1))}${sd === "" ? "" : ` ${sd}`}${size}${source === target ? "<br>trained on this language" : ""}`,
  };
}

function drawMean(source: string, mean: number | undefined, measured: number, of: number, factor: number, digits: number): DrawnCell {
  const name = escapeMarkup(`${source} → all others`);
  if (mean === undefined) return { value: undefined, text: "–", hover: `${name}: none measured` };
  const value = mean * factor;
  return { value, text: `${fixed(value, digits)}${measured < of ? "*" : ""}`, hover: `${name}: ${fixed(value, Math.max(digits, 1))}, mean of ${measured} of ${of} targets` };
}

/** Extremes rounded outwards to tens of a percent; raw values keep their own. Never an empty interval. */
function outwards(values: readonly number[], unit: "percent" | "raw"): readonly [number, number] {
  if (values.length === 0) return [0, unit === "percent" ? 100 : 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (unit === "raw") return low < high ? [low, high] : [low - 0.5, high + 0.5];
  const floor = Math.floor(low / 10) * 10;
  return [Math.min(floor, 90), Math.max(Math.ceil(high / 10) * 10, floor + 10)];
}

function describe(metric: string, sources: readonly string[], targets: readonly string[], rows: readonly (readonly DrawnCell[])[], means: readonly (string | undefined)[], digits: number): string {
  const measured = rows.flatMap((row, y) => row.flatMap((cell, x) => (cell.value === undefined ? [] : [{ name: `${sources[y]} → ${targets[x]}`, value: cell.value }])));
  const parts = [`Matrix of ${metric}: ${sources.length} source by ${targets.length} target languages`];
  if (measured.length > 0) {
    const best = measured.reduce((a, b) => (b.value > a.value ? b : a));
    const worst = measured.reduce((a, b) => (b.value < a.value ? b : a));
    parts.push(`highest ${best.name} ${fixed(best.value, digits)}`, `lowest ${worst.name} ${fixed(worst.value, digits)}`);
  }
  const holes = sources.length * targets.length - measured.length;
  if (holes > 0) parts.push(`${holes} cells not measured`);
  const listed = sources.flatMap((source, i) => (means[i] === undefined ? [] : [`${source} ${means[i]}`]));
  if (listed.length > 0 && listed.length <= 12) parts.push(`zero-shot means: ${listed.join(", ")}`);
  return `${parts.join("; ")}.`;
}
