import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { formatNotebook, lintNotebook, parseNotebook, runNotebook, stripNotebook } from "#src/notebook/index.js";

const notebooks = readdirSync("notebooks").filter((file) => file.endsWith(".ipynb")).map((file) => `notebooks/${file}`);

test("the notebooks have no trap of the kernel, no output and no leftover of an editor", () => {
  assert.ok(notebooks.length >= 2);
  for (const file of notebooks) {
    const text = readFileSync(file, "utf8");
    const notebook = parseNotebook(text, file);
    assert.deepEqual(lintNotebook(notebook), [], file);
    assert.equal(formatNotebook(stripNotebook(notebook)), formatNotebook(notebook), `${file}: run modlingua notebook strip`);
  }
});

test("notebook 02 runs where there is no text but its own", async () => {
  process.env["MODLINGUA_OUT"] = resolve("build/tmp/notebook-02");
  const report = await runNotebook("notebooks/02-language-adapter.ipynb", { parameters: { text: "none.txt", heldOut: "none.txt", steps: 2, epochs: 1 } });
  delete process.env["MODLINGUA_OUT"];
  assert.equal(report.status, "ok", report.failure?.traceback.join("\n"));
  const printed = report.notebook.cells.flatMap((cell) => ("outputs" in cell ? cell.outputs : [])).flatMap((output) => (output.output_type === "stream" ? [output.text] : []));
  assert.match(printed.join(""), /transductive/);
});
