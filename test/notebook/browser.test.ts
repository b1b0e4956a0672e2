import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { transferMatrix } from "#src/figures/index.js";
import { notebookToHtml, renderPng } from "#src/notebook/index.js";
import { madeUpCells, ten } from "../figures/cases.js";
import { code, notebook, temporaryFolder, text } from "./samples.js";

const folders = (process.env["PATH"] ?? "").split(delimiter);
const browser = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);

function browse(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(browser!, ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000", ...args], { encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("in a real browser the exported page draws its plots live, and they look as the PNG does", { skip: browser === undefined ? "no Chromium on the PATH" : false }, async () => {
  const folder = temporaryFolder();
  const figure = transferMatrix(madeUpCells(["en", "tr", "zh"], [...ten, "ru", "uk", "cs", "fi", "hu", "el", "ar", "he"]), { title: "Three sources, eighteen targets", metric: "accuracy" });
  const shown = { output_type: "display_data", metadata: {}, data: { "application/vnd.plotly.v1+json": { data: figure.data, layout: figure.layout }, "text/plain": figure.meta.alt } } as const;
  const page = resolve(folder, "page.html");
  writeFileSync(page, notebookToHtml(notebook(text("# Page"), code("await showFigure(figure);", [], [shown]))));
  const address = pathToFileURL(page).href;

  const dom = browse("--dump-dom", address);
  assert.equal(dom.match(/<g class="textpoint"/g)?.length, 3 * 19, "54 cells and 3 means");

  const picture = resolve(folder, "page.png");
  browse("--window-size=1000,800", `--screenshot=${picture}`, address);
  const drawn = await palette(await sharp(picture).raw().toBuffer({ resolveWithObject: true }));
  const still = await palette(await sharp(await renderPng(figure, { scale: 1 })).raw().toBuffer({ resolveWithObject: true }));
  // The fills of cells, each of which covers hundreds of pixels, are the same colours in both.
  const missing = [...still].filter(([color, count]) => count > 400 && !drawn.has(color)).map(([color]) => color.toString(16));
  assert.deepEqual(missing, []);
});

function palette({ data, info }: { data: Buffer; info: { channels: number } }): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < data.length; i += info.channels) {
    const color = (data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!;
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  return counts;
}
