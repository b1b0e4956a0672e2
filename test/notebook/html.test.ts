import assert from "node:assert/strict";
import { test } from "node:test";
import { JSDOM } from "jsdom";
import { notebookToHtml } from "#src/notebook/index.js";
import { ansiToHtml } from "#src/notebook/ansi.js";
import { installDomStubs } from "#src/notebook/domStubs.js";
import { cases } from "../figures/cases.js";
import { code, notebook, text } from "./samples.js";

const figure = cases["transferMatrix"]!();
const png = "iVBORw0KGgo=";
const evil = "</script><script>globalThis.broken = true</script>";

function shown(data: Record<string, unknown>) {
  return { output_type: "display_data", data, metadata: {} } as const;
}

const plot = shown({ "application/vnd.plotly.v1+json": { data: figure.data, layout: { ...figure.layout, meta: { alt: evil } } }, "image/png": png, "text/plain": `alt "text" ${evil}` });
const page = notebookToHtml(notebook(
  text("# A title\n\nSome *text* and `code`.\n\n```ts\nconst a = 1;\n```"),
  code("await showFigure(figure); // 1 < 2", [], [plot]),
  code("await showFigure(figure);", [], [plot]),
  code("throw new Error()", [], [{ output_type: "stream", name: "stdout", text: "a\rb\n\u001b[31mred\u001b[39m <b>\n" }, { output_type: "error", ename: "E", evalue: "v", traceback: ["E: v", "  at <x>"] }]),
  code("showTable(rows)", [], [shown({ "text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1" }), shown({ "text/markdown": "**strong**", "text/plain": "x" }), shown({ "image/png": png, "text/plain": "an image" }), shown({ "text/plain": "1 < 2" })]),
  code(Array.from({ length: 60 }, (_, i) => `const x${i} = 1;`).join("\n")),
));

test("the page is titled by the first heading and holds everything itself, plotly.js once", () => {
  assert.match(page, /<title>A title<\/title>/);
  assert.equal(page.match(/plotly\.js \(cartesian[^)]*\) v\d/g)?.length, 1);
  assert.doesNotMatch(page.replaceAll(/<script>[\s\S]*?<\/script>/g, ""), /(?:src|href)="(?!data:|#)/, "nothing is loaded from elsewhere");
  assert.ok(page.length < 2_500_000, `${page.length} characters`);
});

test("without a plot plotly.js is left out", () => {
  assert.ok(notebookToHtml(notebook(text("# B"))).length < 20_000);
});

test("texts of data cannot end a script element or become tags", () => {
  const { window } = new JSDOM(page);
  assert.equal(window.document.querySelectorAll("script").length, 4, "two plots, plotly.js and the drawing script");
  for (const script of window.document.querySelectorAll("script[data-plot]")) assert.equal((JSON.parse(script.textContent ?? "") as { layout: { meta: { alt: string } } }).layout.meta.alt, evil);
  assert.equal(window.document.querySelector(".plot")?.getAttribute("aria-label"), `alt "text" ${evil}`);
  assert.equal(window.document.querySelector(".cell code")?.textContent, "await showFigure(figure); // 1 < 2");
});

test("each output is shown in its richest form", () => {
  const { document } = new JSDOM(page).window;
  const outputs = [...document.querySelectorAll(".output")];
  assert.deepEqual(outputs.map((output) => output.className), ["output", "output", "output stdout", "output error", "output", "output", "output", "output"]);
  assert.equal(outputs[2]!.innerHTML, 'b\n<span class="ansi-red">red</span> &lt;b&gt;\n');
  assert.equal(outputs[3]!.textContent, "E: v\n  at <x>");
  assert.ok(outputs[4]!.querySelector("table"));
  assert.ok(outputs[5]!.querySelector("strong"));
  assert.equal(outputs[6]!.querySelector("img")?.getAttribute("alt"), "an image");
  assert.equal(outputs[7]!.textContent, "1 < 2");
  assert.equal(document.querySelectorAll("details").length, 1, "long code is folded");
});

test("opened with scripts, live plots take the place of the images", async () => {
  const { window } = new JSDOM(page, { runScripts: "dangerously", pretendToBeVisual: true, beforeParse: (opened) => installDomStubs(opened) });
  for (let i = 0; i < 100 && window.document.querySelectorAll(".plot .textpoint").length < 16; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(window.document.querySelectorAll(".plot .textpoint").length, 16, "two plots of six cells and two means");
  assert.equal(window.document.querySelectorAll(".plot > img").length, 0);
  assert.equal((window as unknown as { broken?: boolean }).broken, undefined);
  window.close();
});

test("terminal text becomes spans, other escape sequences go", () => {
  assert.equal(ansiToHtml("\u001b[1;32mok\u001b[0m \u001b[2K\u001b[?25lx"), '<span class="ansi-bold ansi-green">ok</span> x');
  assert.equal(ansiToHtml("10 %\r50 %\r100 %\nnext"), "100 %\nnext");
  assert.equal(ansiToHtml("\u001b[31ma\u001b[32mb"), '<span class="ansi-red">a</span><span class="ansi-green">b</span>');
});
