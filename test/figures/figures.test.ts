import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import type { Figure } from "#src/figures/index.js";
import { colorAt, contrast, improvementMatrix, inkOn, languageBars, learningCurve, themeNamed, transferMatrix } from "#src/figures/index.js";
import * as plots from "#src/figures/plots/index.js";
import { cases, madeUpCells, ten } from "./cases.js";

/** The values printed on a figure, row by row. */
function texts(figure: Figure): readonly string[] {
  return figure.data.flatMap((trace) => (trace.type === "scatter" && trace.mode === "text" ? trace.text ?? [] : []));
}

function heatmap(figure: Figure, name: (title: string) => boolean = () => true) {
  const found = figure.data.find((trace) => trace.type === "heatmap" && name(trace.name));
  assert.ok(found?.type === "heatmap");
  return found;
}

function refused(kind: string, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ModlinguaError && error.kind === kind && message.test(error.message);
}

test("every plot has a case, and its figure is the reviewed one, plain JSON", () => {
  assert.deepEqual(Object.keys(cases).sort(), Object.keys(plots).sort());
  for (const [name, make] of Object.entries(cases)) {
    const figure = make();
    const text = `${JSON.stringify(figure, null, 1)}\n`;
    assert.deepEqual(JSON.parse(text), figure, `${name} must survive JSON`);
    assert.equal(figure.meta.plot, name);
    const file = `test/figures/snapshots/${name}.json`;
    if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
    mkdirSync("build/snapshots", { recursive: true });
    writeFileSync(`build/snapshots/${name}.json`, text);
    assert.fail(`${file} is missing or differs from build/snapshots/${name}.json: look at the figure, then copy the file over`);
  }
});

test("a transfer matrix prints every cell, the mean without the diagonal, and a dash where nothing was measured", () => {
  const figure = transferMatrix([
    { source: "en", target: "en", score: 0.9 }, { source: "en", target: "tr", score: 0.5 }, { source: "en", target: "zh", score: 0.7 },
    { source: "tr", target: "en", score: 0.25 }, { source: "tr", target: "tr", score: 1 },
  ]);
  assert.deepEqual(texts(figure), ["90.0", "50.0", "70.0", "60.0", "25.0", "100.0", "–", "25.0*"]);
  assert.deepEqual(heatmap(figure).z, [[90, 50, 70], [25, 100, null]]);
  assert.deepEqual(heatmap(figure, (name) => name === "not measured").z, [[null, null, null], [null, null, 1]]);
  assert.deepEqual(heatmap(figure, (name) => name === "zero-shot mean").z, [[60], [25]]);
  assert.equal(figure.layout.shapes?.length, 2, "one outline for each diagonal cell");
  assert.deepEqual(figure.layout.xaxis.ticktext, ["en", "tr", "zh", "zero-shot<br>mean"]);
  assert.equal(figure.layout.xaxis.title?.text, "target language");
  assert.match(figure.meta.alt, /2 source by 3 target languages; highest tr → tr 100\.0; lowest tr → en 25\.0; 1 cells not measured; zero-shot means: en 60\.0, tr 25\.0/);
});

test("rows and columns keep the order given, or are gathered by group", () => {
  const cells = madeUpCells(["en", "tr", "de"], ["tr", "en", "de", "az"]);
  const given = transferMatrix(cells, { sources: ["de", "en"], targets: ["az", "en"], mean: false });
  assert.deepEqual([given.layout.yaxis.ticktext, given.layout.xaxis.ticktext], [["de", "en"], ["az", "en"]]);
  assert.deepEqual(transferMatrix(cells, { mean: false }).layout.xaxis.ticktext, ["en", "tr", "de", "az"], "sources first");
  const gathered = transferMatrix(cells, { mean: false, groups: { en: "Germanic", de: "Germanic", tr: "Turkic", az: "Turkic" } });
  assert.deepEqual(gathered.layout.xaxis.ticktext, ["en", "de", "tr", "az"]);
  assert.ok(gathered.layout.annotations?.some((note) => note.text === "Turkic"));
});

test("values are printed in an ink of at least 4.5:1 on their own cell, on both scales and themes", () => {
  for (const theme of ["light", "dark"] as const) {
    for (const scale of [themeNamed(theme).sequential, themeNamed(theme).diverging]) {
      for (let i = 0; i <= 200; i++) {
        const color = colorAt(scale, i / 200);
        assert.ok(contrast(color, inkOn(color) === "#000000" ? [0, 0, 0] : [255, 255, 255]) >= 4.5, `${theme} at ${i / 200}`);
      }
    }
  }
});

test("the sequential scale gets darker all the way, so that a black-and-white print keeps the order", () => {
  const white = [255, 255, 255];
  const ratios = Array.from({ length: 101 }, (_, i) => contrast(colorAt(themeNamed().sequential, i / 100), white));
  assert.ok(ratios.every((ratio, i) => i === 0 || ratio > ratios[i - 1]!));
});

test("an improvement matrix is signed and centred at zero", () => {
  const figure = improvementMatrix({
    with: [{ source: "en", target: "tr", score: 0.62 }, { source: "en", target: "zh", score: 0.4 }, { source: "en", target: "fi", score: 0.5 }],
    without: [{ source: "en", target: "tr", score: 0.5 }, { source: "en", target: "zh", score: 0.41 }],
  });
  assert.deepEqual(texts(figure), ["+12.0", "−1.0", "–", "+5.5*"]);
  assert.deepEqual([heatmap(figure).zmin, heatmap(figure).zmax], [-15, 15]);
  assert.match(figure.meta.alt, /1 cells better, 1 worse, 0 equal, 1 not measured/);
});

test("large matrices print whole numbers and stay within a poster", () => {
  const targets = Array.from({ length: 100 }, (_, i) => `l${i}`);
  const figure = transferMatrix(madeUpCells(targets.slice(0, 60), targets));
  assert.equal(texts(figure).length, 60 * 101);
  assert.ok(texts(figure).every((text) => /^\d+\*?$/.test(text)));
  assert.ok(figure.layout.width < 2800 && figure.layout.height < 1300, `${figure.layout.width} × ${figure.layout.height}`);
});

test("scores that mean nothing are refused, with the cell and what to do", () => {
  const cell = (score: number) => [{ source: "en", target: "tr", score }];
  assert.throws(() => transferMatrix(cell(NaN)), refused("data", /cell en → tr: the score is NaN.*leave cells without a score out/));
  assert.throws(() => transferMatrix(cell(62)), refused("data", /outside \[0, 1\].*divide by 100/));
  assert.throws(() => transferMatrix([...cell(0.5), ...cell(0.6)]), refused("data", /en → tr is given twice/));
  assert.throws(() => transferMatrix([]), refused("data", /at least one source/));
  assert.throws(() => languageBars([{ language: "en", composition: "x", score: NaN }]), refused("data", /en, x/));
  assert.throws(() => learningCurve([{ name: "run", loss: [{ step: 1, value: Infinity }] }]), refused("data", /run run.*Infinity at step 1/));
  assert.throws(() => learningCurve([{ name: "run", loss: [{ step: 1, value: 1 }] }], { smoothing: 1 }), refused("config", /smoothing is 1/));
  assert.deepEqual(texts(transferMatrix(cell(62), { unit: "raw", mean: false })), ["62.00"]);
});

test("names from data cannot become markup", () => {
  const figure = transferMatrix([{ source: "<b>x</b>", target: "a&b", score: 0.5 }], { title: "1 < 2" });
  assert.deepEqual(figure.layout.yaxis.ticktext, ["&lt;b&gt;x&lt;/b&gt;"]);
  assert.equal(figure.layout.annotations?.[0]?.text, "1 &lt; 2");
});

test("smoothing starts without a bias towards zero", () => {
  const figure = learningCurve([{ name: "run", loss: [{ step: 1, value: 4 }, { step: 2, value: 2 }] }], { smoothing: 0.5 });
  const smooth = figure.data[1];
  assert.ok(smooth?.type === "scatter");
  assert.equal(smooth.y[0], 4);
  assert.ok(Math.abs(smooth.y[1]! - (0.25 * 4 + 0.5 * 2) / 0.75) < 1e-12);
});

test("bars show an interval where one is given and leave a gap where nothing was measured", () => {
  const [, without] = cases["languageBars"]!().data;
  const [withAdapter] = cases["languageBars"]!().data;
  assert.ok(withAdapter?.type === "bar" && without?.type === "bar");
  assert.deepEqual(without.y, [75, null]);
  assert.deepEqual(withAdapter.error_y?.array.map((value) => Math.round(value * 10) / 10), [2, 2]);
  assert.deepEqual(withAdapter.error_y?.arrayminus.map((value) => Math.round(value * 10) / 10), [2, 5]);
  assert.equal(without.error_y, undefined);
});

test("the quickstart's shape, 3 sources × 18 targets, gets its colour bar below and rows as high as the axis title", () => {
  const figure = transferMatrix(madeUpCells(["en", "tr", "zh"], [...ten, "ru", "uk", "cs", "fi", "hu", "el", "ar", "he"]), { title: "Zero-shot" });
  assert.equal(heatmap(figure).colorbar?.orientation, "h");
  const { layout } = figure;
  assert.ok(layout.height - layout.margin.t - layout.margin.b >= 100);
});
