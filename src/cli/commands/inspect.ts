import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ModlinguaError } from "../../base/index.js";
import { resolveBackboneFolder } from "../../hub/index.js";
import { type Terminal, command } from "../command.js";
import type { Inspection } from "../inspection.js";
import { inspectConll, inspectConllu, inspectJsonl, inspectTable } from "../inspectors/lines.js";
import { inspectNotebook } from "../inspectors/notebook.js";
import { inspectOnnx } from "../inspectors/onnx.js";
import { inspectSafetensors } from "../inspectors/safetensors.js";

/** Who reads which endings; `.gz` after them is taken off for the text formats. */
const inspectors: Readonly<Record<string, (path: string) => Inspection | Promise<Inspection>>> = {
  ".onnx": inspectOnnx, ".safetensors": inspectSafetensors, ".ipynb": inspectNotebook, ".conllu": inspectConllu, ".conll": inspectConll, ".bio": inspectConll, ".iob2": inspectConll,
  ".txt": inspectConll, ".tsv": inspectTable("\t"), ".csv": inspectTable(","), ".jsonl": inspectJsonl,
};

/** Files of a folder that stand for the whole of it, the first that is there. */
const mainFiles = ["onnx/model.onnx", "model.onnx", "adapter.safetensors", "model.safetensors"];

/** What is in a file. */
export const inspect = command({
  about: "say what is in a file: a model, a module, a data file, a notebook",
  arguments: [{ name: "PATH", about: `a file (${Object.keys(inspectors).join(", ")}, data also with .gz), or a folder with a model` }],
  options: {},
  example: "modlingua inspect models/e5-small/adapters/tr.safetensors",
  async run(_, [path], terminal) {
    const file = await fileOf(path!, terminal);
    const ending = Object.keys(inspectors).find((known) => file.replace(/\.gz$/, "").toLowerCase().endsWith(known));
    if (ending === undefined) throw new ModlinguaError("format", `is of no kind that is known here (${Object.keys(inspectors).join(", ")})`, { file, remedy: "rename it if it is one of them" });
    const { text, json } = await inspectors[ending]!(file);
    return { text: `${file}\n\n${text}`, json: { file, ...json } };
  },
});

async function fileOf(path: string, { signal, progress }: Terminal): Promise<string> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new ModlinguaError("io", "there is no such file", { file: path, remedy: "check the path" });
  if (!stats.isDirectory()) return path;
  if (existsSync(join(path, "pack.json"))) return (await resolveBackboneFolder(path, { signal, onProgress: progress })).modelFile;
  const inside = mainFiles.map((name) => join(path, name)).find(existsSync);
  if (inside !== undefined) return inside;
  throw new ModlinguaError("io", `is a folder without ${mainFiles.join(", ")}; it holds ${readdirSync(path).slice(0, 12).join(", ") || "nothing"}`, { file: path, remedy: "name one of its files" });
}
