import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import type { Progress } from "#src/base/index.js";
import { ModlinguaError } from "#src/base/index.js";
import type { CodeCell, Notebook, Output, RunOptions, RunReport } from "#src/notebook/index.js";
import { installKernel, kernelSpec, readNotebook, runNotebook, writeNotebook } from "#src/notebook/index.js";
import { KernelClient } from "#src/notebook/kernelClient.js";
import { decodeMessage, encodeRequest } from "#src/notebook/wire.js";
import { code, notebook, temporaryFolder, text } from "./samples.js";

async function run(name: string, source: Notebook, options: RunOptions = {}): Promise<RunReport> {
  const path = join(temporaryFolder(), `${name}.ipynb`);
  writeNotebook(path, source);
  return runNotebook(path, options);
}

function outputsOf(notebook: Notebook, source: RegExp): readonly Output[] {
  const cell = notebook.cells.find((cell): cell is CodeCell => cell.cell_type === "code" && source.test(cell.source));
  assert.ok(cell !== undefined, `no cell with ${source}`);
  return cell.outputs;
}

function stream(notebook: Notebook, source: RegExp, name = "stdout"): string {
  return outputsOf(notebook, source).flatMap((output) => (output.output_type === "stream" && output.name === name ? [output.text] : [])).join("");
}

const seen: { cells: string[]; progress: Progress[]; printed: string } = { cells: [], progress: [], printed: "" };
let report: RunReport;
let saved: Notebook;

before(async () => {
  const folder = temporaryFolder();
  const out = join(folder, "out", "main.ipynb");
  writeNotebook(join(folder, "main.ipynb"), notebook(
    text("# Main"),
    code('const languages: string[] = ["en"];\nconst seed = 1;', ["parameters"]),
    code('import { randomStream, transferMatrix } from "modlingua";\nimport { interruptSignal, progressBar, showFigure, showTable, toDanfo } from "modlingua/notebook";\nconsole.log(languages.join(), seed);'),
    code("const flood = 5000;\nfor (let i = 0; i < flood; i++) console.log(`line ${i}`);\nconsole.error('to stderr');"),
    code('const bar = progressBar("count");\nfor (let done = 0; done <= 60; done++) { bar({ task: "x", done, total: 60, unit: "steps" }); await new Promise((r) => setTimeout(r, 5)); }'),
    code('const cells = ["en", "tr"].map((target) => ({ source: "en", target, score: 0.5 }));\nawait showFigure(transferMatrix(cells));\nshowTable(cells, { title: "cells" });'),
    code("const frame = await toDanfo(cells);\nframe.shape.join()"),
    code('throw new RangeError("expected")', ["raises-exception"]),
    code("console.log('after the error');"),
    code("throw new Error('must not run')", ["skip-execution"]),
    code("  \n"),
    code('function fail(n: number) { throw new TypeError(`bad ${n}`, { cause: new Error("deeper") }); }\nawait null;\nfail(3);'),
    code("console.log('never');"),
  ));
  report = await runNotebook(join(folder, "main.ipynb"), {
    out, parameters: { languages: ["tr", "zh"], seed: 7 },
    onCell: ({ cell, status }) => seen.cells.push(`${cell} ${status}`),
    onProgress: (progress) => seen.progress.push(progress),
    onStream: (_, printed) => { seen.printed += printed; },
  });
  saved = readNotebook(out);
});

test("cells run in order to the first that fails; the report and the saved notebook say so", () => {
  assert.equal(report.status, "error");
  assert.deepEqual(seen.cells, ["2 ok", "3 ok", "4 ok", "5 ok", "6 ok", "7 ok", "8 ok", "9 error", "10 ok", "11 skipped", "12 skipped", "13 error"]);
  assert.deepEqual(report.cells.map(({ cell, status }) => `${cell} ${status}`), seen.cells);
  assert.deepEqual([report.failure?.cell, report.failure?.ename, report.failure?.evalue], [13, "TypeError", "bad 3"]);
  const { traceback } = report.failure!;
  assert.equal(traceback[0], "TypeError: bad 3");
  assert.match(traceback[1]!, /at fail/);
  assert.equal(traceback.at(-1), "Caused by Error: deeper");
  assert.ok(traceback.every((line) => !/tslab|node:/.test(line)), "frames of the kernel are not the user's");
  assert.deepEqual(outputsOf(saved, /^function fail/), [{ output_type: "error", ename: "TypeError", evalue: "bad 3", traceback }]);
  assert.deepEqual(outputsOf(saved, /never/), []);
  assert.deepEqual(saved, report.notebook);
});

test("cells are numbered, and what did not run is not", () => {
  const counts = saved.cells.flatMap((cell) => (cell.cell_type === "code" ? [cell.execution_count] : []));
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9, null, null, 10, null]);
});

test("parameters replace the constants of the tagged cell", () => {
  assert.equal(stream(saved, /^import/), "tr,zh 7\n");
  assert.equal(saved.cells[2]?.source, 'const languages = ["tr","zh"];\nconst seed = 7;');
  assert.deepEqual(saved.cells[2]?.metadata.tags, ["injected-parameters"]);
});

test("5,000 lines printed in one turn all arrive, in order", () => {
  assert.equal(stream(saved, /flood/), Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join(""));
  assert.equal(stream(saved, /flood/, "stderr"), "to stderr\n");
  assert.ok(seen.printed.includes("line 4999\n"));
});

test("a progress bar is one display, and the runner gets the reports, the last one too", () => {
  const [bar, ...more] = outputsOf(saved, /progressBar\("count"\)/);
  assert.equal(more.length, 0);
  assert.ok(bar?.output_type === "display_data");
  assert.match(String(bar.data["text/html"]), /count <progress value="60" max="60"/);
  assert.deepEqual(seen.progress.at(-1), { task: "count", done: 60, total: 60, unit: "steps" });
  assert.ok(seen.progress.length >= 3 && seen.progress.length < 30, `${seen.progress.length} of 61 reports`);
});

test("a figure is one bundle of live plot, PNG and text; a table has HTML and text", () => {
  const [figure, table] = outputsOf(saved, /await showFigure/);
  assert.ok(figure?.output_type === "display_data" && table?.output_type === "display_data");
  assert.deepEqual(Object.keys(figure.data), ["application/vnd.plotly.v1+json", "image/png", "text/plain"]);
  assert.ok(String(figure.data["image/png"]).startsWith("iVBORw0KGgo"));
  assert.match(String(table.data["text/html"]), /^<table/);
  assert.match(String(table.data["text/plain"]), /^cells\nsource/);
});

test("rows become a danfojs data frame", () => {
  assert.equal(stream(saved, /toDanfo\(cells\)/), "2,3\n");
});

test("a cell tagged raises-exception may fail, and the next one runs", () => {
  const [error] = outputsOf(saved, /expected/);
  assert.ok(error?.output_type === "error" && error.ename === "RangeError");
  assert.equal(stream(saved, /after the error/), "after the error\n");
});

test("type errors, rejections nobody waits for and thrown values fail a cell; with allowErrors the run goes on, but not past the timeout, and is saved", async () => {
  const out = join(temporaryFolder(), "slow.ipynb");
  const { status, cells, failure } = await run("slow", notebook(
    code("const n: number = 'text';\nconst m: string = 1;"),
    code("Promise.reject(new Error('nobody waits'));\nawait new Promise((r) => setTimeout(r, 50));"),
    code("throw { odd: 1 }"),
    code("console.log('started');\nfor (;;) {}"),
    code("console.log('never');"),
  ), { allowErrors: true, timeoutSeconds: 4, out });
  assert.deepEqual(cells.map((cell) => cell.failure?.ename), ["TypeScriptError", "UnhandledPromiseRejection", "UncaughtValue", "TimeoutError"]);
  assert.equal(cells[0]?.failure?.traceback.length, 2);
  assert.match(cells[0]?.failure?.evalue ?? "", /^1:7 - Type 'string' is not assignable to type 'number'/);
  assert.match(cells[1]?.failure?.evalue ?? "", /nobody waits/);
  assert.equal(status, "timeout");
  assert.match(failure?.evalue ?? "", /longer than 4 s/);
  const [printed, error] = outputsOf(readNotebook(out), /started/);
  assert.deepEqual(printed, { output_type: "stream", name: "stdout", text: "started\n" });
  assert.ok(error?.output_type === "error" && error.ename === "TimeoutError");
});

test("work that a cell left behind and that fails later fails the run", async () => {
  const { status, failure } = await run("late", notebook(code("setTimeout(() => { void Promise.reject(new Error('too late')); }, 20);"), code("await new Promise((r) => setTimeout(r, 300));\nconsole.log('done')")));
  assert.equal(status, "error");
  assert.match(failure?.evalue ?? "", /too late/);
});

test("a cell that ends the process is reported with what the process said", async () => {
  const { status, failure } = await run("dead", notebook(code("require('fs').writeSync(2, 'the last words\\n');\nprocess.exit(3);")));
  assert.equal(status, "dead");
  assert.match(failure?.evalue ?? "", /the kernel ended: the last words/);
});

test("an abort ends the run, a waiting cell included", async () => {
  const controller = new AbortController();
  const running = run("abort", notebook(code("console.log('started');\nawait new Promise(() => {});")), { signal: controller.signal, onStream: () => controller.abort() });
  assert.equal((await running).status, "aborted");
  await assert.rejects(run("abort", notebook(code("1")), { signal: AbortSignal.abort() }), (error) => error instanceof ModlinguaError && error.kind === "aborted");
});

test("an interrupt stops a waiting cell and fires the signal that long jobs take; the kernel lives on", async () => {
  const kernel = await KernelClient.start({ folder: "." });
  try {
    const printed: string[] = [];
    const execute = (source: string) => kernel.execute(source, { timeoutSeconds: 20, onMessage: ({ type, content }) => {
      if (type !== "stream") return;
      printed.push(String(content["text"]));
      if (content["text"] === "waiting\n") kernel.interrupt();
    } });
    assert.equal((await execute('import { interruptSignal } from "modlingua/notebook";\nconst signal = interruptSignal();')).status, "ok");
    // Printed later, so that the interrupt meets a cell that waits and not the synchronous part before.
    const end = await execute('setTimeout(() => console.log("waiting"), 50);\nawait new Promise(() => {});');
    assert.ok(end.status === "error" && end.evalue === "Interrupted asynchronously");
    await new Promise((done) => setTimeout(done, 300));
    await execute("console.log(signal.aborted, String(signal.reason));");
    assert.equal(printed.at(-1), "true ModlinguaError: interrupted by the user\n");
    const loop = await execute('console.log("waiting");\nfor (;;) {}');
    assert.equal(loop.status, "error", "a synchronous loop is interrupted too");
  } finally {
    await kernel.close();
  }
});

test("parameters that the notebook does not have are refused before anything runs", async () => {
  const source = notebook(code("const seed = 1;\nlet epochs = 2;", ["parameters"]));
  await assert.rejects(run("p", source, { parameters: { seeds: 1 } }), (error) => error instanceof ModlinguaError && error.kind === "usage" && /no parameter "seeds"; it has: seed, epochs/.test(error.message));
  await assert.rejects(run("p", notebook(code("1")), { parameters: { seed: 1 } }), /no code cell is tagged "parameters"/);
  await assert.rejects(runNotebook("build/nothing.ipynb"), /the notebook cannot be read/);
});

test("the kernel spec names this node and the repaired kernel by absolute paths", () => {
  const prefix = temporaryFolder();
  const file = installKernel({ prefix });
  assert.equal(file, resolve(prefix, "share/jupyter/kernels/tslab/kernel.json"));
  const spec = JSON.parse(readFileSync(file, "utf8")) as ReturnType<typeof kernelSpec>;
  assert.deepEqual(spec, kernelSpec());
  assert.equal(spec.argv[0], process.execPath);
  assert.ok(spec.argv[1]!.endsWith("kernelShim.cjs") && existsSync(spec.argv[1]!));
  assert.deepEqual(spec.argv.slice(2), ["kernel", "--config-path", "{connection_file}"]);
  assert.equal(spec.language, "typescript");
  assert.throws(() => installKernel({ prefix: file }), (error) => error instanceof ModlinguaError && error.kind === "io");
});

test("messages survive the wire; a wrong signature is refused", () => {
  const { id, frames } = encodeRequest("key", "session", "execute_request", { code: "1" });
  const received = [Buffer.from("topic"), ...frames.map((frame) => Buffer.from(frame))];
  assert.deepEqual(decodeMessage("key", received), { id, type: "execute_request", parent: undefined, content: { code: "1" } });
  assert.throws(() => decodeMessage("other", received), /wrong signature/);
  assert.throws(() => decodeMessage("key", received.slice(0, 1)), /needs a delimiter/);
});

after(async () => {
  await new Promise((done) => setTimeout(done, 200));
  assert.ok(!process.getActiveResourcesInfo().includes("ProcessWrap"), "a kernel process was left behind");
});
