import assert from "node:assert/strict";
import { test } from "node:test";
import { inKernel, progressLine, tableHtml, tableText, terminalProgress } from "#src/notebook/index.js";
import { progressBundle } from "#src/notebook/progressBar.js";

const rows = [{ language: "en", score: 0.5, n: 64 }, { language: "<tr>", score: NaN, note: "x&y" }];

test("a table shows every column that a row names, numbers to the right, what is missing as a dash", () => {
  assert.equal(tableText(rows, { title: "Scores" }), [
    "Scores",
    "language  score   n  note",
    "--------  -----  --  ----",
    "en        0.500  64  –",
    "<tr>          –   –  x&y",
  ].join("\n"));
});

test("names and values in a table are escaped", () => {
  const html = tableHtml(rows, { title: "<b>" });
  assert.match(html, /<caption[^>]*>&lt;b&gt;<\/caption>/);
  assert.match(html, /<td[^>]*>&lt;tr&gt;<\/td>/);
  assert.match(html, /x&amp;y/);
});

test("long tables say what they leave out; data frames are tables too", () => {
  assert.match(tableText(Array.from({ length: 5 }, (_, i) => ({ i })), { maxRows: 3 }), /2\n… and 2 more rows$/);
  assert.equal(tableText({ columns: ["a", "b"], values: [[1, "x"], [2, "y"]] }), "a  b\n-  -\n1  x\n2  y");
});

test("a progress line has task, share, counts and numbers", () => {
  assert.equal(progressLine({ task: "train", done: 250, total: 1000, unit: "steps", numbers: { loss: 0.42153, "tokens/s": 1834.2 } }), `train   25 % ${"█".repeat(6)}${"░".repeat(18)}  250/1,000 steps  loss 0.422  tokens/s 1,834`);
  assert.match(progressLine({ task: "x", done: 0, total: 0, unit: "steps" }), /^x {4}0 %/, "an empty task divides nothing by zero");
});

function draw(isTTY: boolean, columns: number): string {
  let written = "";
  const listener = terminalProgress({ isTTY, columns, write: (text) => { written += text; } });
  for (let done = 0; done <= 1000; done++) listener({ task: "count", done, total: 1000, unit: "steps" });
  return written;
}

test("a terminal bar redraws one line, at most ten times a second, the last report always", () => {
  const written = draw(true, 40);
  const drawn = written.split("\r").slice(1);
  assert.ok(drawn.length >= 2 && drawn.length < 20, `${drawn.length} drawings of 1001 reports`);
  assert.ok(written.endsWith("\n") && written.indexOf("\n") === written.length - 1);
  assert.match(drawn.at(-1)!, /100 %/);
  assert.ok(drawn.every((line) => [...line.replace("\u001b[2K", "").trimEnd()].length < 40), "never wraps");
});

test("in a pipe a line is printed at each tenth", () => {
  assert.equal(draw(false, 80).trimEnd().split("\n").length, 11);
});

test("the notebook's bar carries the report itself and escapes its name", () => {
  const progress = { task: "<x>", done: 1, total: 4, unit: "steps", numbers: { loss: 1.5 } };
  const bundle = progressBundle(progress, 3);
  assert.deepEqual(bundle["application/vnd.modlingua.progress+json"], progress);
  assert.match(String(bundle["text/html"]), /<label>&lt;x&gt; <progress value="1" max="4".*1\/4 steps · 3 s, 9 s left · loss 1\.5/);
});

test("outside a kernel there is no kernel", () => {
  assert.equal(inKernel(), false);
});
