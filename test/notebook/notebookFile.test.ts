import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { formatNotebook, parseNotebook, readNotebook, stripNotebook, writeNotebook } from "#src/notebook/index.js";
import { code, notebook, temporaryFolder, text } from "./samples.js";

function refusal(json: unknown): string {
  try {
    parseNotebook(typeof json === "string" ? json : JSON.stringify(json), "a.ipynb");
  } catch (error) {
    assert.ok(error instanceof ModlinguaError && error.kind === "format", String(error));
    return error.message;
  }
  return assert.fail("accepted");
}

const base = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };
const cell = { cell_type: "code", id: "a", metadata: {}, source: "", outputs: [], execution_count: null };

test("what is not a notebook is refused with its file and place", () => {
  assert.match(refusal("<html>"), /^a\.ipynb: not JSON/);
  assert.match(refusal("[]"), /a\.ipynb, the file: expected an object/);
  assert.match(refusal({ ...base, nbformat: 3 }), /nbformat: nbformat is 3, expected 4 — convert it/);
  assert.match(refusal({ ...base, cells: {} }), /cells: expected a list/);
  assert.match(refusal({ ...base, cells: [{ ...cell, cell_type: "cod" }] }), /cell 1, cell_type: expected one of code, markdown, raw, got "cod"/);
  assert.match(refusal({ ...base, cells: [{ ...cell, source: ["a", 1] }] }), /cell 1, source: expected a text or a list of lines/);
  assert.match(refusal({ ...base, cells: [{ ...cell, outputs: [{ output_type: "stream", name: "log", text: "" }] }] }), /cell 1, output 1, name: expected one of stdout, stderr/);
  assert.match(refusal({ ...base, cells: [cell, cell] }), /cell 2: the cell id "a" is used twice/);
  assert.match(refusal({ ...base, cells: [{ ...cell, metadata: { tags: [1] } }] }), /cell 1, metadata, tags: expected a text, got 1/);
  assert.throws(() => readNotebook("build/nothing.ipynb"), /build\/nothing\.ipynb: the notebook cannot be read/);
});

test("texts may be strings or lists of lines, and are written as Jupyter writes them", () => {
  const parsed = parseNotebook(JSON.stringify({
    ...base,
    cells: [{ ...cell, source: ["const a = 1;\n", "a"], outputs: [
      { output_type: "display_data", data: { "text/plain": ["x\n", "y"], "image/png": "aGk=\n", "application/x+json": { b: 1, a: [1] } }, metadata: {} },
      { output_type: "stream", name: "stdout", text: "1\n2\n" },
    ] }],
  }));
  const [first] = parsed.cells;
  assert.equal(first?.source, "const a = 1;\na");
  const written = formatNotebook(parsed);
  assert.ok(written.startsWith('{\n "cells": [\n  {\n   "cell_type": "code",'), written.slice(0, 60));
  assert.ok(written.endsWith("}\n"));
  const raw = JSON.parse(written) as { cells: { source: unknown; outputs: { data?: unknown; text?: unknown }[] }[] };
  assert.deepEqual(raw.cells[0]!.source, ["const a = 1;\n", "a"]);
  assert.deepEqual(raw.cells[0]!.outputs[0]!.data, { "text/plain": ["x\n", "y"], "image/png": "aGk=\n", "application/x+json": { b: 1, a: [1] } });
  assert.deepEqual(raw.cells[0]!.outputs[1]!.text, ["1\n", "2\n"]);
  assert.deepEqual(parseNotebook(written), parsed);
});

test("a notebook is written whole or not at all", () => {
  const folder = temporaryFolder();
  writeNotebook(`${folder}/deep/a.ipynb`, notebook(text("# A")));
  assert.deepEqual(readdirSync(`${folder}/deep`), ["a.ipynb"], "no temporary file is left");
  writeFileSync(`${folder}/file`, "");
  assert.throws(() => writeNotebook(`${folder}/file/b.ipynb`, notebook()), (error) => error instanceof ModlinguaError && error.kind === "io");
  assert.equal(readFileSync(`${folder}/file`, "utf8"), "");
});

test("stripping removes what a run and an editor leave, keeps the rest, and is idempotent", () => {
  const ran = {
    ...notebook(
      { ...text("# A"), metadata: { collapsed: true } },
      { ...code("1", ["parameters"], [{ output_type: "stream", name: "stdout", text: "1\n" }]), execution_count: 3, id: "" },
      code("const a = 2;", ["injected-parameters"]),
    ),
    metadata: { kernelspec: { name: "other" }, vscode: {} }, nbformat_minor: 4,
  };
  const stripped = stripNotebook(ran);
  assert.equal(stripped.cells.length, 2);
  assert.deepEqual(stripped.cells.map(({ metadata }) => metadata), [{}, { tags: ["parameters"] }]);
  assert.match(stripped.cells[1]!.id, /^[0-9a-f]{8}$/);
  assert.ok(stripped.cells[1]!.cell_type === "code" && stripped.cells[1]!.outputs.length === 0 && stripped.cells[1]!.execution_count === null);
  assert.equal(stripped.nbformat_minor, 5);
  assert.deepEqual(stripNotebook(stripped), stripped);
  assert.equal(formatNotebook(stripNotebook(parseNotebook(formatNotebook(stripped)))), formatNotebook(stripped));
});
