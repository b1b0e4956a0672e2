import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { siteName } from "../../backbone/index.js";
import { ModlinguaError, sizeOf } from "../../base/index.js";
import { type OnnxModel, type OnnxNode, type OnnxValueInfo, readOnnxFile } from "../../formats/index.js";
import { openBackbone } from "../../hub/index.js";
import { describeBackbone } from "../backboneReport.js";
import type { Inspection } from "../inspection.js";
import { grouped, pairs, table } from "../table.js";

/** An ONNX model: what goes in and out, what it is made of, and its sites where a config.json lies beside. */
export function inspectOnnx(path: string): Inspection {
  const model = readOnnxFile(path);
  const counts = operatorCounts(model.graph.nodes);
  const weights = weightsOf(model);
  const backbone = backboneOf(path);
  const json = {
    kind: "onnx", irVersion: model.irVersion, producer: model.producerName ?? null, opsets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [domain || "onnx", version])),
    inputs: model.graph.inputs.filter(({ name }) => !weights.names.has(name)).map(described), outputs: model.graph.outputs.map(described),
    nodes: model.graph.nodes.length, operators: counts, functions: model.functions.map(({ name }) => name), parameters: weights.count, bytes: weights.bytes, encoder: backbone.json,
  };
  const text = [
    pairs([
      ["ONNX model", `IR ${model.irVersion}, ${Object.entries(json.opsets).map(([domain, version]) => `${domain} ${version}`).join(", ")}${model.producerName === undefined ? "" : `, from ${model.producerName}`}`],
      ["inputs", json.inputs.map(({ name, type }) => `${name}: ${type}`).join("; ")],
      ["outputs", json.outputs.map(({ name, type }) => `${name}: ${type}`).join("; ")],
      ["parameters", `${grouped(weights.count)} (${(weights.bytes / 1e6).toFixed(1)} MB)`],
      ["encoder", backbone.text],
    ]),
    "", table(["operator", "nodes"], Object.entries(counts)),
  ].join("\n");
  return { text, json };
}

function operatorCounts(nodes: readonly OnnxNode[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op, domain } of nodes) {
    const name = domain === "" || domain === "ai.onnx" ? op : `${domain}.${op}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1)));
}

function weightsOf({ graph }: OnnxModel): { names: Set<string>; count: number; bytes: number } {
  const bytes = graph.initializers.reduce((sum, { data }) => sum + ("inline" in data ? data.inline.length : data.external.length), 0);
  return { names: new Set(graph.initializers.map(({ name }) => name)), count: graph.initializers.reduce((sum, { dims }) => sum + sizeOf(dims), 0), bytes };
}

function described({ name, dtype, shape }: OnnxValueInfo): { name: string; type: string } {
  return { name, type: `${dtype ?? "?"}[${shape?.join(", ") ?? "?"}]` };
}

function backboneOf(path: string): { text: string; json: unknown } {
  const config = [join(dirname(path), "config.json"), join(dirname(path), "..", "config.json")].find(existsSync);
  if (config === undefined) return { text: "no config.json beside, so sites are not looked for", json: null };
  try {
    const backbone = openBackbone(path, config, path);
    return { text: describeBackbone(backbone).replace(/^[^:]*: /, ""), json: { config: backbone.config, sites: backbone.sites.map(siteName) } };
  } catch (error) {
    if (!(error instanceof ModlinguaError)) throw error;
    return { text: `no encoder this library can use (${error.message})`, json: { refused: error.message } };
  }
}
