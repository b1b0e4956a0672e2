import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { transferMatrix } from "#src/figures/index.js";
import { renderPng, renderSvg } from "#src/notebook/index.js";
import { cases, madeUpCells, ten } from "../figures/cases.js";

const matrix = transferMatrix(madeUpCells(ten, ten), { title: "Ten by ten", mean: false });

test("the SVG of a 10×10 matrix holds 100 cell labels and 10 + 10 ticks, the diagonal, titles and the alternative text", async () => {
  const svg = await renderSvg(matrix);
  const count = (pattern: RegExp): number => [...svg.matchAll(pattern)].length;
  assert.equal(count(/<g class="textpoint"/g), 100);
  assert.equal(count(/<g class="xtick">/g), 10);
  assert.equal(count(/<g class="ytick">/g), 10);
  assert.match(svg, /source language/);
  assert.match(svg, /target language/);
  assert.ok(svg.includes(`<title>${matrix.meta.alt}</title>`));
  assert.match(svg, new RegExp(`width="${matrix.layout.width}" height="${matrix.layout.height}"`));
});

test("the plot area is as wide as it was laid out: no margin grows by a wrong estimate of a text", async () => {
  const svg = await renderSvg(matrix);
  const { width, margin } = matrix.layout;
  assert.match(svg, new RegExp(`<rect[^>]*width="${width - margin.l - margin.r}"`));
});

test("labels and axis titles do not overlap", async () => {
  const svg = await renderSvg(matrix);
  const title = /<g class="g-ytitle"[^>]*?(?:transform="translate\((-?[\d.]+),[^"]*")?>\s*<text[^>]* x="([\d.]+)"/.exec(svg);
  assert.ok(title !== null);
  const right = Number(title[1] ?? 0) + Number(title[2]) + 4;
  const labelLeft = matrix.layout.margin.l - 3 - 2 * 0.62 * 12;
  assert.ok(right <= labelLeft, `title ends at ${right}, labels begin at ${labelLeft}`);
});

test("PNGs have the asked size and are not blank: cells in the colours of the scale, ink on them", async () => {
  const png = await renderPng(matrix, { scale: 2 });
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [2 * matrix.layout.width, 2 * matrix.layout.height]);
  const at = (x: number, y: number): number[] => [...data.subarray((y * info.width + x) * info.channels, (y * info.width + x) * info.channels + 3)];
  const cell = (matrix.layout.width - matrix.layout.margin.l - matrix.layout.margin.r) / 10;
  // A corner of the first cell (en → en, 90 %, the top of the scale) and of the paper.
  assert.deepEqual(at(Math.round(2 * (matrix.layout.margin.l + cell * 0.2)), Math.round(2 * (matrix.layout.margin.t + 6))), [8, 29, 88]);
  assert.deepEqual(at(2, 2), [255, 255, 255]);
  const colors = new Set<number>();
  for (let i = 0; i < data.length; i += info.channels) colors.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
  assert.ok(colors.size > 100, `${colors.size} colours`);
});

test("every plot renders, two at a time too, and the figure is not changed by it", async () => {
  for (const make of Object.values(cases)) {
    const figure = make();
    const before = JSON.stringify(figure);
    const [first, second] = await Promise.all([renderSvg(figure), renderSvg(figure)]);
    assert.match(first, /^<svg/);
    assert.ok(first === second, "the same figure gives the same bytes");
    assert.equal(JSON.stringify(figure), before);
  }
});

test("a scale of no size is refused", async () => {
  await assert.rejects(renderPng(matrix, { scale: 0 }), /scale is 0/);
});
