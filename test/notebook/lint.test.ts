import assert from "node:assert/strict";
import { test } from "node:test";
import { lintNotebook } from "#src/notebook/index.js";
import { code, notebook, text } from "./samples.js";

/** Findings of a notebook with these code cells, as `cell:line rule`. */
function findings(...sources: readonly string[]): string[] {
  return lintNotebook(notebook(...sources.map((source) => code(source)))).map(({ cell, line, rule }) => `${cell}:${line} ${rule}`);
}

test("a shorthand property of an earlier cell's name is found, however it was declared", () => {
  for (const declaration of ["const z = 1;", "const { z } = { z: 1 };", "const [, ...z] = [1, 2];", "function z() {}", "class z {}", "enum z { a }", 'import z from "x";', 'import { y as z } from "x";', 'import * as z from "x";']) {
    assert.deepEqual(findings(declaration, "const a = 1;\nf({ z });"), ["2:2 shorthand-of-earlier-cell"], declaration);
  }
  assert.deepEqual(findings("const z = 1;", "function g(a: number) { return () => ({ a, z }); }"), ["2:1 shorthand-of-earlier-cell"]);
});

test("a name of the same cell or of an enclosing scope is no shorthand of an earlier cell", () => {
  for (const good of [
    "const z = 2;\nf({ z });", "f({ z: z });", "const g = (z: number) => ({ z });", "function g({ z }: { z: number }) { return { z }; }", "for (const z of [1]) f({ z });",
    "for (let z = 0; z < 1; z++) { f({ z }); }", "if (a) { const z = 1; f({ z }); }", "try { f(); } catch (z) { f({ z }); }", "const { z } = g();\nf({ z });", "const { z: w } = g();\nf({ w });",
    "switch (a) { case 1: const z = 1; f({ z }); }", "const h = class z { g() { return { z }; } };",
  ]) assert.deepEqual(findings("const z = 1;", good), [], good);
  assert.deepEqual(findings("f({ z });", "const z = 1;"), [], "a later cell is no matter of tslab's");
});

test("a destructuring assignment onto an earlier cell's variable is found, at any depth", () => {
  for (const bad of ["({ a } = g());", "({ x: { a } } = g());", "[{ a }] = g();", "({ a = 1 } = g());", "for ({ a } of g()) f();"]) {
    assert.deepEqual(findings("let a = 1;", bad), ["2:1 destructuring-of-earlier-cell"], bad);
  }
  assert.deepEqual(findings("let a = 1;", "let a = 2;\n({ a } = g());"), []);
  assert.deepEqual(findings("let a = 1;", "({ b: a } = g());"), [], "only the shorthand is lost");
  assert.deepEqual(findings("let a = 1; let b;", "b = { a };"), ["2:1 shorthand-of-earlier-cell"], "right of an assignment it is a value");
});

test("a cell whose only await is `for await` is found", () => {
  assert.deepEqual(findings("const a = 1;\nfor await (const x of g()) f(x);"), ["1:2 for-await-alone"]);
  assert.deepEqual(findings("await null;\nfor await (const x of g()) f(x);"), []);
  assert.deepEqual(findings("async function h() { for await (const x of g()) f(x); }"), [], "inside a function it is no matter of the cell's");
  assert.deepEqual(findings("async function h() { await null; }\nfor await (const x of g()) f(x);"), ["1:2 for-await-alone"], "an await inside a function does not help");
});

test("a @ts-ignore directly above an await is found", () => {
  assert.deepEqual(findings("// @ts-ignore\nconst a = await g();"), ["1:1 ts-ignore-above-await"]);
  assert.deepEqual(findings("await null;\n  // @ts-expect-error\n  f(await g());"), ["1:2 ts-ignore-above-await"]);
  assert.deepEqual(findings("// @ts-ignore\nconst a: string = 1;\nawait g();"), []);
  assert.deepEqual(findings("// @ts-ignore\nconst h = async () => await g();"), []);
});

test("a cell that does not parse is found", () => {
  assert.deepEqual(findings("const a = ;"), ["1:1 syntax"]);
});

test("leftovers of runs and editors are found", () => {
  const bad = notebook(
    { ...code("1", [], [{ output_type: "stream", name: "stdout", text: "1" }]), execution_count: 1 },
    { ...text("a"), id: "" },
    { ...text("b"), metadata: { collapsed: true } },
    code("const a = 1;", ["injected-parameters"]),
  );
  assert.deepEqual(lintNotebook({ ...bad, metadata: {} }).map(({ rule, cell }) => `${cell} ${rule}`), ["0 metadata", "1 outputs", "1 execution-count", "2 cell-id", "3 metadata", "4 metadata"]);
});

test("a realistic notebook has no findings", () => {
  const good = notebook(
    text("# Title"),
    code('const languages = ["en", "tr"];\nconst seed = 1;', ["parameters"]),
    code('import { loadBackbone, stack } from "modlingua";\nimport { progressBar, showTable } from "modlingua/notebook";\nconst backbone = await loadBackbone("e5-small");'),
    code("const results = [];\nfor (const source of languages) {\n  const score = await backbone.sites();\n  results.push({ source, score, seed: seed });\n}\nshowTable(results);"),
    code("const byLanguage = results.map(({ source, score }) => ({ source, score }));\nawait null;\nfor await (const x of g()) f({ x });"),
  );
  assert.deepEqual(lintNotebook(good), []);
});
