import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { ModlinguaError, randomStream } from "../base/index.js";
import type { Figure } from "../figures/index.js";
import { installDomStubs } from "./domStubs.js";

export interface SvgSize {
  /** CSS pixels; default: the size the figure was laid out for. */
  readonly width?: number;
  readonly height?: number;
}

export interface PngSize extends SvgSize {
  /** Device pixels per CSS pixel; default 2 (about 190 dpi), 4 for print. */
  readonly scale?: number;
}

interface PlotlyModule {
  newPlot(element: unknown, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  toImage(element: unknown, options: { format: "svg"; width: number; height: number }): Promise<string>;
  purge(element: unknown): void;
}

interface Page {
  readonly plotly: PlotlyModule;
  readonly document: Document;
  /** Restarts the random ids of SVG elements, so that the same figure gives the same file. */
  restartIds(): void;
}

let page: Promise<Page> | undefined;
/** One drawing at a time: the page's document is shared. */
let last: Promise<unknown> = Promise.resolve();

/** The source text of plotly.js (cartesian bundle), for this page and for HTML exports. */
export function plotlySource(): string {
  return readFileSync(createRequire(import.meta.url).resolve("plotly.js-cartesian-dist-min"), "utf8");
}

async function openPage(): Promise<Page> {
  const { JSDOM, VirtualConsole } = await import("jsdom");
  const { window } = new JSDOM("<!doctype html><body></body>", { runScripts: "outside-only", pretendToBeVisual: true, virtualConsole: new VirtualConsole() });
  installDomStubs(window);
  window.eval(plotlySource());
  const plotly = (window as unknown as { Plotly?: PlotlyModule }).Plotly;
  if (plotly === undefined) throw new ModlinguaError("config", "plotly.js did not load", { remedy: "install the exact versions of package-lock.json: npm ci" });
  const restartIds = (): void => {
    (window as unknown as { Math: Math }).Math.random = randomStream(0, "svg ids").uniform;
  };
  return { plotly, document: window.document, restartIds };
}

/** The figure as an SVG document, drawn by plotly.js in jsdom: no browser. The first call takes about a second, later ones a tenth. */
export function renderSvg(figure: Figure, size: SvgSize = {}): Promise<string> {
  const drawn = last.then(() => draw(figure, size));
  last = drawn.catch(() => undefined);
  return drawn;
}

async function draw(figure: Figure, size: SvgSize): Promise<string> {
  const { plotly, document, restartIds } = await (page ??= openPage());
  restartIds();
  const [width, height] = [size.width ?? figure.layout.width, size.height ?? figure.layout.height];
  const element = document.body.appendChild(document.createElement("div"));
  try {
    // Plotly writes into what it is given: hand in a copy, so that a figure stays a value.
    const { data, layout } = structuredClone({ data: figure.data, layout: figure.layout });
    await plotly.newPlot(element, data, { ...layout, width, height }, { staticPlot: true });
    const address = await plotly.toImage(element, { format: "svg", width, height });
    return withTitle(decodeURIComponent(address.slice(address.indexOf(",") + 1)), figure.meta.alt);
  } finally {
    plotly.purge(element);
    element.remove();
  }
}

/** Puts the alternative text where readers of SVG look for it. */
function withTitle(svg: string, alt: string): string {
  const text = alt.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return svg.replace(/^(<svg[^>]*)>/, `$1 role="img"><title>${text.replaceAll("$", "$$$$")}</title>`);
}

/** The figure as a PNG (8-bit RGBA), rasterised from its SVG. */
export async function renderPng(figure: Figure, size: PngSize = {}): Promise<Uint8Array> {
  const scale = size.scale ?? 2;
  if (!(scale > 0 && scale <= 16)) throw new ModlinguaError("config", `scale is ${scale}, expected a number in (0, 16]`);
  const svg = await renderSvg(figure, size);
  const { default: sharp } = await import("sharp");
  return new Uint8Array(await sharp(Buffer.from(svg), { density: 72 * scale }).png().toBuffer());
}
