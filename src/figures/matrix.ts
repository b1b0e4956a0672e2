import { ModlinguaError } from "../base/index.js";
import type { Annotation, ColorBar, ColorScale, CommonOptions, Figure, HeatmapTrace, ScatterTrace, Shape } from "./figure.js";
import type { Theme } from "./theme.js";
import { colorAt, escapeMarkup, font, frame, heading, inkOn, rgb, textWidth, themeNamed, wrap } from "./theme.js";

/** One measured cell of a source × target matrix. */
export interface MatrixCell {
  readonly source: string;
  readonly target: string;
  /** In [0, 1] where the unit is percent, any finite number where it is raw. */
  readonly score: number;
  /** Number of scored items (tokens, spans or examples). */
  readonly n?: number;
  /** Standard deviation over seeds, in the unit of `score`. */
  readonly sd?: number;
}

export interface MatrixOptions extends CommonOptions {
  /** Name of the metric, on the colour bar. */
  readonly metric?: string;
  /** Rows from top to bottom; default: in the order in which the cells name them. */
  readonly sources?: readonly string[];
  /** Columns from left to right; default: the sources first where they are targets too, then the order of the cells. */
  readonly targets?: readonly string[];
  /** Language → family or script: rows and columns are gathered by it, groups are set apart and named above the columns. */
  readonly groups?: Readonly<Record<string, string>>;
  /** "percent" (default) prints 0.623 as 62.3, "raw" as it is. */
  readonly unit?: "percent" | "raw";
  /** Decimals in the cells; default 1 up to 26 columns, 0 above, and 2 for raw values. */
  readonly digits?: number;
  /** Adds a column with each row's mean, the diagonal left out (default true). */
  readonly mean?: boolean;
}

/** A cell as it is drawn: `value` in the displayed unit places it on the colour scale, `undefined` was not measured. */
export interface DrawnCell {
  readonly value: number | undefined;
  readonly text: string;
  readonly hover: string;
}

export interface MatrixDrawing {
  readonly plot: string;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly cells: readonly (readonly DrawnCell[])[];
  readonly means: readonly DrawnCell[] | undefined;
  readonly scale: ColorScale;
  readonly range: readonly [number, number];
  /** Values named on the colour bar. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  readonly barTitle: string;
  /** Explanations below the figure, beside the one of the outline. */
  readonly notes: readonly string[];
  /** Lines of text in a cell, 1 or 2. */
  readonly lines: number;
  readonly alt: string;
  readonly options: MatrixOptions;
}

/** Looks cells up by source and target; refuses a pair given twice and a score that is not a number of the unit. */
export function indexCells(cells: readonly MatrixCell[], unit: "percent" | "raw"): (source: string, target: string) => MatrixCell | undefined {
  const bySource = new Map<string, Map<string, MatrixCell>>();
  for (const cell of cells) {
    checkCell(cell, unit);
    const row = bySource.get(cell.source) ?? new Map<string, MatrixCell>();
    if (row.has(cell.target)) throw new ModlinguaError("data", `the cell ${cell.source} → ${cell.target} is given twice`, { remedy: "average over seeds first and hand in the mean with its sd" });
    bySource.set(cell.source, row.set(cell.target, cell));
  }
  return (source, target) => bySource.get(source)?.get(target);
}

function checkCell({ source, target, score, sd }: MatrixCell, unit: "percent" | "raw"): void {
  const place = `cell ${source} → ${target}`;
  if (!Number.isFinite(score)) throw new ModlinguaError("data", `the score is ${score}, not a finite number`, { place, remedy: "leave cells without a score out: they are drawn as missing" });
  if (unit === "percent" && (score < 0 || score > 1)) throw new ModlinguaError("data", `the score ${score} is outside [0, 1]`, { place, remedy: 'divide by 100, or set unit to "raw"' });
  if (sd !== undefined && !(sd >= 0)) throw new ModlinguaError("data", `the standard deviation is ${sd}`, { place, remedy: "leave sd out where there is only one seed" });
}

/** Rows and columns of a matrix in drawing order; refuses a matrix without any. */
export function orderLanguages(cells: readonly MatrixCell[], { sources, targets, groups }: MatrixOptions): { sources: readonly string[]; targets: readonly string[] } {
  const rows = sources ?? [...new Set(cells.map((cell) => cell.source))];
  const named = new Set(cells.map((cell) => cell.target));
  const columns = targets ?? [...rows.filter((row) => named.has(row)), ...[...named].filter((column) => !rows.includes(column))];
  if (rows.length === 0 || columns.length === 0) throw new ModlinguaError("data", "a matrix needs at least one source and one target, got none", { remedy: "hand in at least one cell" });
  return { sources: gather(rows, groups), targets: gather(columns, groups) };
}

/** Languages of one group side by side, groups in the order of their first language; languages without a group come last. */
function gather(languages: readonly string[], groups: Readonly<Record<string, string>> | undefined): readonly string[] {
  if (groups === undefined) return languages;
  const order = [...new Set(languages.map((language) => groups[language]).filter((group) => group !== undefined)), undefined];
  return order.flatMap((group) => languages.filter((language) => groups[language] === group));
}

interface Geometry {
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly textSize: number;
  readonly labelSize: number;
  /** Left and right edge of the mean column in columns. */
  readonly meanEdges: readonly [number, number];
  /** Right edge of the plot in columns, the mean column included. */
  readonly right: number;
  readonly plotWidth: number;
  readonly plotHeight: number;
  readonly turned: boolean;
  readonly horizontalBar: boolean;
}

function measure({ sources, targets, means, cells, lines }: MatrixDrawing): Geometry {
  const columns = targets.length;
  const [roomy, textSize] = columns <= 12 ? [46, 12] as const : columns <= 26 ? [38, 11] as const : columns <= 50 ? [28, 10] as const : [23, 9] as const;
  const widest = Math.max(...[...cells.flat(), ...(means ?? [])].flatMap((cell) => cell.text.split("<br>")).map((line) => textWidth(line, textSize)));
  const cellWidth = Math.max(roomy, Math.ceil(widest) + 6);
  // A matrix of few rows gets higher ones, so that the title of the axis fits beside it.
  const cellHeight = Math.max(Math.round(roomy * 0.7), Math.min(40, Math.round(112 / sources.length)), textSize + 8) + (lines - 1) * Math.round(textSize * 1.2);
  const labelSize = Math.max(textSize, 10);
  const meanLeft = columns - 0.5 + 14 / cellWidth;
  const turned = Math.max(...targets.map((target) => textWidth(target, labelSize))) > cellWidth - 4;
  const meanWidth = turned ? cellWidth : Math.max(cellWidth, textWidth("zero-shot", labelSize) + 4);
  const meanEdges = [meanLeft, meanLeft + meanWidth / cellWidth] as const;
  const right = means === undefined ? columns - 0.5 : meanEdges[1];
  const plotHeight = sources.length * cellHeight;
  return {
    cellWidth, cellHeight, textSize, labelSize, meanEdges, right, plotHeight, turned,
    plotWidth: Math.round((right + 0.5) * cellWidth),
    horizontalBar: plotHeight < 150,
  };
}

/** Draws a prepared matrix; every length is in pixels, so that the plot area is exactly columns × rows of cells. */
export function drawMatrix(drawing: MatrixDrawing): Figure {
  const theme = themeNamed(drawing.options.theme);
  const size = measure(drawing);
  const { sources, targets, means } = drawing;
  const rowLabels = Math.max(...sources.map((source) => textWidth(source, size.labelSize)));
  const left = Math.ceil(rowLabels) + (sources.length < 3 ? 62 : 46);
  const rightMargin = size.horizontalBar ? 24 : barLabels(drawing) + 66;
  const width = Math.max(320, left + size.plotWidth + rightMargin);
  const title = heading(theme, drawing.options.title, width);
  const groupLabels = columnGroups(drawing, theme, size);
  const top = Math.round(title.height + 14 + Math.max(0, ...groupLabels.map((label) => textWidth(label.text, 10) * 0.6 + 8)));
  const tickHeight = tickLabelHeight(drawing, size);
  const below = tickHeight + 32;
  const bar = size.horizontalBar ? 56 : 0;
  const note = wrap(notes(drawing).join(" · "), 11, width - left - 16);
  const bottom = below + bar + (note.text === "" ? 4 : note.lines * 15 + 10);
  const meanCentre = (size.meanEdges[0] + size.meanEdges[1]) / 2;
  const pixels = (value: number): number => value / size.plotHeight;
  return {
    data: [...heatmaps(drawing, theme, size, colorBar(drawing, theme, size, below)), cellTexts(drawing, theme, size)],
    layout: {
      ...frame(theme),
      width, height: top + size.plotHeight + bottom,
      margin: { l: left, r: width - left - size.plotWidth, t: top, b: bottom },
      xaxis: {
        ...axis(theme, "target language", [-0.5, size.right], [...targets.keys(), ...(means === undefined ? [] : [meanCentre])],
          [...targets.map(escapeMarkup), ...(means === undefined ? [] : [size.turned ? "zero-shot mean" : "zero-shot<br>mean"])], size.labelSize),
        tickangle: size.turned ? -90 : 0,
      },
      yaxis: { ...axis(theme, sources.length < 3 ? "source<br>language" : "source language", [sources.length - 0.5, -0.5], [...sources.keys()], sources.map(escapeMarkup), size.labelSize), ticklabelstandoff: 3 },
      shapes: [...groupGaps(drawing, theme, size), ...diagonal(drawing, theme, size)],
      annotations: [...title.place(left, top), ...groupLabels, ...barTitleBeside(drawing, theme, size), ...(note.text === "" ? [] : [noteBelow(note.text, theme, -pixels(below + bar))])],
      hovermode: "closest",
      showlegend: false,
    },
    meta: { alt: drawing.alt, plot: drawing.plot },
  };
}

function axis(theme: Theme, title: string, range: readonly [number, number], tickvals: readonly number[], ticktext: readonly string[], size: number) {
  return {
    title: { text: title, standoff: 8, font: font(theme, 13) }, type: "linear", range, tickmode: "array", tickvals, ticktext,
    tickfont: font(theme, size), ticks: "", showgrid: false, zeroline: false, showline: false, fixedrange: true, automargin: false,
  } as const;
}

function tickLabelHeight({ targets, means }: MatrixDrawing, { turned, labelSize }: Geometry): number {
  if (!turned) return Math.ceil(labelSize * 1.3 * (means === undefined ? 1 : 2)) + 6;
  return Math.ceil(Math.max(...targets.map((target) => textWidth(target, labelSize)), means === undefined ? 0 : textWidth("zero-shot mean", labelSize))) + 8;
}

function bounds(count: number): number[] {
  return Array.from({ length: count + 1 }, (_, i) => i - 0.5);
}

/** Measured cells, cells that were not measured, and the mean column: three heat maps on one scale. */
function heatmaps({ sources, targets, cells, means, range, scale, barTitle }: MatrixDrawing, theme: Theme, { meanEdges }: Geometry, colorbar: ColorBar): HeatmapTrace[] {
  const shared = { type: "heatmap", y: bounds(sources.length), xgap: 1, ygap: 1, hoverinfo: "text", zmin: range[0], zmax: range[1], colorscale: scale } as const;
  const hovertext = cells.map((row) => row.map((cell) => cell.hover));
  const traces: HeatmapTrace[] = [{ ...shared, name: barTitle, x: bounds(targets.length), z: cells.map((row) => row.map((cell) => cell.value ?? null)), hovertext, showscale: true, colorbar }];
  if (cells.flat().some((cell) => cell.value === undefined)) {
    const z = cells.map((row) => row.map((cell) => (cell.value === undefined ? 1 : null)));
    traces.push({ ...shared, name: "not measured", x: bounds(targets.length), z, zmin: 0, zmax: 1, colorscale: [[0, theme.missing], [1, theme.missing]], hovertext, showscale: false });
  }
  if (means !== undefined) {
    traces.push({ ...shared, name: "zero-shot mean", x: meanEdges, z: means.map((mean) => [mean.value ?? null]), hovertext: means.map((mean) => [mean.hover]), showscale: false });
  }
  return traces;
}

/** The printed values, each in the ink that reads best on its own cell. */
function cellTexts({ targets, cells, means, range, scale }: MatrixDrawing, theme: Theme, { textSize, meanEdges }: Geometry): ScatterTrace {
  const placed = cells.flatMap((row, y) => [
    ...row.map((cell, x) => ({ ...cell, x, y })),
    ...(means === undefined ? [] : [{ ...means[y]!, x: (meanEdges[0] + meanEdges[1]) / 2, y }]),
  ]);
  const ink = ({ value, x }: { value: number | undefined; x: number }): string => {
    if (value !== undefined) return inkOn(colorAt(scale, (value - range[0]) / (range[1] - range[0])));
    return x < targets.length - 0.5 ? inkOn(rgb(theme.missing)) : theme.ink;
  };
  return {
    type: "scatter", mode: "text", name: "values", showlegend: false, hoverinfo: "skip",
    x: placed.map((cell) => cell.x), y: placed.map((cell) => cell.y), text: placed.map((cell) => cell.text),
    textfont: font(theme, textSize, placed.map(ink)),
  };
}

function colorBar({ barTitle, ticks }: MatrixDrawing, theme: Theme, { horizontalBar, plotWidth, plotHeight }: Geometry, below: number): ColorBar {
  const shared = { thickness: 12, lenmode: "pixels", outlinewidth: 0, tickfont: font(theme, 11), tickvals: ticks.map((tick) => tick.value), ticktext: ticks.map((tick) => tick.text) } as const;
  return horizontalBar
    ? { ...shared, title: { text: escapeMarkup(barTitle), side: "top", font: font(theme, 12) }, orientation: "h", x: 0.5, xanchor: "center", y: -below / plotHeight, yanchor: "top", len: Math.min(plotWidth, 280), ypad: 0 }
    : { ...shared, orientation: "v", x: 1 + 6 / plotWidth, xanchor: "left", y: 0.5, yanchor: "middle", len: Math.min(plotHeight, 360), ypad: 0 };
}

/** Width of the widest number at the colour bar. */
function barLabels({ ticks }: MatrixDrawing): number {
  return Math.ceil(Math.max(0, ...ticks.map((tick) => textWidth(tick.text, 11))));
}

/** The title of an upright colour bar, set beside its numbers (plotly's own would sit on them). */
function barTitleBeside(drawing: MatrixDrawing, theme: Theme, { horizontalBar }: Geometry): Annotation[] {
  if (horizontalBar) return [];
  return [{ text: escapeMarkup(drawing.barTitle), xref: "paper", yref: "paper", x: 1, y: 0.5, xanchor: "left", yanchor: "middle", xshift: 38 + barLabels(drawing), textangle: -90, showarrow: false, font: font(theme, 12) }];
}

function notes({ sources, targets, means, notes: own }: MatrixDrawing): string[] {
  const outlined = sources.some((source) => targets.includes(source));
  return [...(outlined ? [`outlined: source = target${means === undefined ? "" : ", left out of the mean"}`] : []), ...own];
}

/** The outline of cells whose source and target are the same language: they are not zero-shot. It lies inside the cell, where nothing clips it. */
function diagonal({ sources, targets }: MatrixDrawing, theme: Theme, { cellWidth, cellHeight }: Geometry): Shape[] {
  const [dx, dy] = [0.5 - 1 / cellWidth, 0.5 - 1 / cellHeight];
  return sources.flatMap((source, y) => {
    const x = targets.indexOf(source);
    return x < 0 ? [] : [{ type: "rect", x0: x - dx, x1: x + dx, y0: y - dy, y1: y + dy, layer: "above", line: { color: theme.outline, width: 2 } } as const];
  });
}

/** Index of the first language of each run of one group. */
function groupStarts(languages: readonly string[], groups: Readonly<Record<string, string>> | undefined): number[] {
  return groups === undefined ? [] : languages.flatMap((language, i) => (i === 0 || groups[language] !== groups[languages[i - 1]!] ? [i] : []));
}

/** White lines through the matrix where a group of rows or columns ends. */
function groupGaps({ sources, targets, options }: MatrixDrawing, theme: Theme, { right }: Geometry): Shape[] {
  const line = { color: theme.paper, width: 4 };
  const columns = groupStarts(targets, options.groups).filter((at) => at > 0);
  const rows = groupStarts(sources, options.groups).filter((at) => at > 0);
  return [
    ...columns.map((at): Shape => ({ type: "line", x0: at - 0.5, x1: at - 0.5, y0: -0.5, y1: sources.length - 0.5, layer: "above", line })),
    ...rows.map((at): Shape => ({ type: "line", x0: -0.5, x1: right, y0: at - 0.5, y1: at - 0.5, layer: "above", line })),
  ];
}

/** Slanted names of the groups above their first column. */
function columnGroups({ targets, options: { groups } }: MatrixDrawing, theme: Theme, { cellWidth }: Geometry): Annotation[] {
  return groupStarts(targets, groups).flatMap((at) => {
    const name = groups?.[targets[at]!];
    return name === undefined ? [] : [{
      text: escapeMarkup(name), x: at - 0.5, y: 1, yref: "paper", xanchor: "left", yanchor: "bottom", xshift: Math.min(8, cellWidth / 4), yshift: 2, textangle: -35, showarrow: false, font: font(theme, 10, theme.muted),
    } as const];
  });
}

function noteBelow(text: string, theme: Theme, y: number): Annotation {
  return { text, xref: "paper", yref: "paper", x: 0, y, xanchor: "left", yanchor: "top", align: "left", showarrow: false, font: font(theme, 11, theme.muted) };
}

/** Mean of the measured cells of a row without the diagonal: `undefined` where there is none. */
export function zeroShotMean(source: string, targets: readonly string[], valueAt: (target: string) => number | undefined): { mean: number | undefined; measured: number; of: number } {
  const others = targets.filter((target) => target !== source);
  const values = others.flatMap((target) => valueAt(target) ?? []);
  return { mean: values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length, measured: values.length, of: others.length };
}

/** Four to eight round values across a range, its ends among them where they are round. */
export function ticksOf([low, high]: readonly [number, number]): number[] {
  const rough = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.9)!;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A number with fixed decimals and a true minus sign. */
export function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}
