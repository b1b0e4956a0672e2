import hljs from "highlight.js/lib/core";
import typescriptGrammar from "highlight.js/lib/languages/typescript";
import { Marked } from "marked";
import { ansiToHtml } from "./ansi.js";
import { escapeHtml } from "./kernelDisplay.js";
import type { Cell, CodeCell, MimeBundle, Notebook, Output } from "./notebookFile.js";
import { pageStyle } from "./pageStyle.js";
import { plotlySource } from "./render.js";

export interface HtmlOptions {
  /** Title of the page; default: the first heading of the notebook. */
  readonly title?: string;
}

hljs.registerLanguage("typescript", typescriptGrammar);
const markdown = new Marked({ renderer: { code: ({ text, lang }) => `<pre class="code"><code>${highlight(text, lang ?? "")}</code></pre>\n` } });

/** Code longer than this many lines is folded. */
const longCode = 40;

/**
 * The notebook as one page that needs nothing else: styles, images and plotly.js are inside (plotly.js only where there is a plot).
 * Plots are static images that a script replaces by live ones. Nothing is sanitised: export notebooks you trust.
 */
export function notebookToHtml(notebook: Notebook, { title }: HtmlOptions = {}): string {
  const page: Page = { plots: 0 };
  const cells = notebook.cells.map((cell) => cellHtml(cell, page)).join("\n");
  const name = escapeHtml(title ?? firstHeading(notebook) ?? "Notebook");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${cells}
</main>
${page.plots === 0 ? "" : `<script>${safeScript(plotlySource())}</script>\n<script>${drawPlots}</script>\n`}</body>
</html>
`;
}

interface Page {
  plots: number;
}

function firstHeading(notebook: Notebook): string | undefined {
  return notebook.cells.flatMap((cell) => (cell.cell_type === "markdown" ? /^#+\s+(.+)$/m.exec(cell.source)?.[1] ?? [] : []))[0];
}

function cellHtml(cell: Cell, page: Page): string {
  if (cell.cell_type === "markdown") return `<section class="text">\n${markdown.parse(cell.source, { async: false })}</section>`;
  if (cell.cell_type === "raw") return `<section class="raw"><pre>${escapeHtml(cell.source)}</pre></section>`;
  if (cell.source.trim() === "" && cell.outputs.length === 0) return "";
  return `<section class="cell">\n${codeHtml(cell)}\n${cell.outputs.map((output) => outputHtml(output, page)).join("\n")}\n</section>`;
}

function codeHtml({ source, execution_count }: CodeCell): string {
  const code = `<pre class="code" data-count="${execution_count ?? " "}"><code>${highlight(source, "typescript")}</code></pre>`;
  const count = source.split("\n").length;
  return count <= longCode ? code : `<details><summary>${count} lines of code</summary>${code}</details>`;
}

function highlight(text: string, language: string): string {
  return /^(ts|typescript|js|javascript)$/.test(language) ? hljs.highlight(text, { language: "typescript" }).value : escapeHtml(text);
}

function outputHtml(output: Output, page: Page): string {
  switch (output.output_type) {
    case "stream": return `<pre class="output ${output.name}">${ansiToHtml(output.text)}</pre>`;
    case "error": return `<pre class="output error">${ansiToHtml(output.traceback.length > 0 ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`)}</pre>`;
    default: return `<div class="output">${bundleHtml(output.data, output.metadata, page)}</div>`;
  }
}

/** The richest of the types that a page can show. */
function bundleHtml(data: MimeBundle, metadata: MimeBundle, page: Page): string {
  const text = (mime: string): string | undefined => {
    const value = data[mime];
    return typeof value === "string" ? value : undefined;
  };
  const plot = data["application/vnd.plotly.v1+json"];
  if (plot !== undefined) return plotHtml(plot, imageHtml(data, metadata), text("text/plain") ?? "plot", page);
  const rich = text("text/html") ?? text("image/svg+xml");
  if (rich !== undefined) return rich;
  const source = text("text/markdown");
  if (source !== undefined) return markdown.parse(source, { async: false });
  return imageHtml(data, metadata) ?? `<pre>${ansiToHtml(text("text/plain") ?? "")}</pre>`;
}

function imageHtml(data: MimeBundle, metadata: MimeBundle): string | undefined {
  const mime = ["image/png", "image/jpeg", "image/gif"].find((name) => typeof data[name] === "string");
  if (mime === undefined) return undefined;
  const size = metadata[mime] as { width?: unknown; height?: unknown } | undefined;
  const attributes = typeof size?.width === "number" && typeof size.height === "number" ? ` width="${size.width}" height="${size.height}"` : "";
  const alt = typeof data["text/plain"] === "string" ? escapeHtml(data["text/plain"]) : "";
  return `<img src="data:${mime};base64,${String(data[mime]).replace(/\s/g, "")}" alt="${alt}"${attributes}>`;
}

/** A static image with the data of the live plot beside it. `<` is escaped, so that no text in the data can end the script element. */
function plotHtml(plot: unknown, image: string | undefined, alt: string, page: Page): string {
  const id = `plot-${++page.plots}`;
  const json = JSON.stringify(plot).replaceAll("<", "\\u003c");
  return `<div class="plot" id="${id}" role="img" aria-label="${escapeHtml(alt)}">${image ?? ""}</div><script type="application/json" data-plot="${id}">${json}</script>`;
}

/** JavaScript that can stand in a script element: the only `</script` and `<!--` in plotly.js are inside texts. */
function safeScript(source: string): string {
  return source.replaceAll(/<\/(script)/gi, "<\\/$1").replaceAll("<!--", "<\\!--");
}

const drawPlots = `for (const script of document.querySelectorAll("script[data-plot]")) {
  const place = document.getElementById(script.dataset.plot);
  const { data, layout, config } = JSON.parse(script.textContent);
  const still = [...place.childNodes];
  place.replaceChildren();
  Plotly.newPlot(place, data, layout, { ...config, displaylogo: false }).catch((error) => { console.error(error); place.replaceChildren(...still); });
}`;
