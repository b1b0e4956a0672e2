import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type Backbone, findSites, normsOf, readConfig } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";
import { readOnnxFile } from "../formats/index.js";
import { type Graph, canonicalise, graphFromModel } from "../onnx/index.js";
import { type ResolveOptions, resolveBackboneFolder } from "./resolveBackbone.js";

/**
 * Opens a pretrained encoder: an embedded one ("e5-small"), a folder with an ONNX export, or a hub repository.
 * Weights stay in their file; only the graph is read, brought into canonical form and searched for sites.
 * Throws typed errors for a missing, broken or unknown model, and where fewer layers are found than config.json states.
 */
export async function loadBackbone(nameOrPath: string, options: ResolveOptions = {}): Promise<Backbone> {
  const { folder, modelFile } = await resolveBackboneFolder(nameOrPath, options);
  return openBackbone(modelFile, join(folder, "config.json"), nameOrPath);
}

/** Opens an encoder from the file of its ONNX export and its config.json. */
export function openBackbone(modelFile: string, configFile: string, name: string): Backbone {
  const config = readConfig(readJson(configFile), configFile);
  const graph = canonicalise(graphFromModel(readOnnxFile(modelFile)));
  const { sites, wordEmbeddings } = findSites(graph, config, modelFile);
  return { name, folder: join(configFile, ".."), config, graph, sites, wordEmbeddings, fingerprint: fingerprintOf(modelFile, graph), norms: normsOf(graph) };
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ModlinguaError("backbone", "cannot be read", { file, cause, remedy: "the model's config.json must lie in its folder" });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModlinguaError("backbone", `is not JSON (${(cause as Error).message})`, { file, cause, remedy: "fetch config.json again" });
  }
}

/** The model file, and those beside it that hold its weights. */
function fingerprintOf(modelFile: string, graph: Graph): string {
  const holding = graph.constants.flatMap(({ data }) => (data !== undefined && "external" in data ? [data.external.file] : []));
  const beside = new Set([...new Set(holding)].map((file) => realpathSync(file)));
  beside.delete(realpathSync(modelFile));
  return [modelFile, ...[...beside].sort()].map(sampleOf).join("+");
}

/** Size and SHA-256 over 64 evenly spread windows of 16 KiB: enough to tell two sets of weights apart, in milliseconds. */
function sampleOf(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    const hash = createHash("sha256").update(String(size));
    const window = Buffer.alloc(Math.min(size, 16384));
    for (let index = 0; index < 64; index++) {
      readSync(descriptor, window, 0, window.length, Math.floor(((size - window.length) * index) / 63));
      hash.update(window);
    }
    return `${size}-${hash.digest("hex").slice(0, 16)}`;
  } finally {
    closeSync(descriptor);
  }
}
