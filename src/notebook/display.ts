import type { Figure } from "../figures/index.js";
import { showBundle } from "./kernelDisplay.js";
import { renderPng } from "./render.js";
import type { Table, TableOptions } from "./table.js";
import { tableHtml, tableText } from "./table.js";

export interface ShowFigureOptions {
  /** Device pixels per CSS pixel of the static image; default 2. */
  readonly scale?: number;
}

/**
 * Shows a figure in the current cell as one bundle: live Plotly where the front end knows it, a PNG where it does not, the alternative text
 * elsewhere. Resolves when it has been shown. Outside a kernel it prints the alternative text.
 */
export async function showFigure(figure: Figure, { scale = 2 }: ShowFigureOptions = {}): Promise<void> {
  const { width, height } = figure.layout;
  const png = Buffer.from(await renderPng(figure, { scale })).toString("base64");
  showBundle({
    "application/vnd.plotly.v1+json": { data: figure.data, layout: { ...figure.layout, meta: figure.meta }, config: { displaylogo: false } },
    "image/png": png,
    "text/plain": figure.meta.alt,
  }, { metadata: { "image/png": { width, height } } });
}

/** Shows rows (objects, or a data frame with `columns` and `values`) as a table; outside a kernel prints it as aligned text. */
export function showTable(table: Table, options: TableOptions = {}): void {
  showBundle({ "text/html": tableHtml(table, options), "text/plain": tableText(table, options) });
}

/** Shows Markdown in the current cell. */
export function showMarkdown(text: string): void {
  showBundle({ "text/markdown": text, "text/plain": text });
}
