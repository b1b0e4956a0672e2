import { createHash } from "node:crypto";
import type { Backbone, LinearSite } from "../backbone/index.js";
import { type FloatTensor, ModlinguaError, type Tensor, bytesOfTensor, tensor, toHalf } from "../base/index.js";
import { type Adapter, actsAt, checkBase, methodOf } from "../computation/index.js";
import { type Graph, floatsOf, readConstant } from "../onnx/index.js";
import { parameterName } from "./build.js";

/**
 * A backbone whose own weights carry what adapters change of them, W + ΔW, so that they cost nothing in a run (Hu et al. 2022, section 4.1).
 * It gives what the stack of the adapters gives on `backbone`, which stays as it is, and takes further modules like any other. The changed weights
 * are held in memory, all others stay in their file. Throws "config" for methods and configurations that are no change of weights
 * (bottlenecks, gated differences), naming the adapter.
 * @example const merged = mergeAdapters(await loadBackbone("e5-small"), [loadAdapter("out/ner-lora.safetensors")])
 */
export function mergeAdapters(backbone: Backbone, adapters: readonly Adapter[]): Backbone {
  return adapters.reduce(mergeOne, backbone);
}

function mergeOne(backbone: Backbone, adapter: Adapter): Backbone {
  checkBase(adapter, backbone);
  const { weightChange } = methodOf(adapter.config.method);
  if (weightChange === undefined) throw notMerged(adapter.name, `the method ${adapter.config.method} does not change weights, it computes beside them`, "keep it in the composition");
  const changeAt = (site: LinearSite): Float32Array => {
    const change = weightChange(adapter.config, site, (name) => requireParameter(adapter, parameterName(site, name)));
    return change ?? refuseGate(adapter);
  };
  const graph = backbone.graph.clone();
  const sites = backbone.sites.map((site) => (site.kind === "linear" && actsAt(adapter.config, "linear", site.layer, site.place) ? changeWeight(graph, site, changeAt(site)) : site));
  graph.prune();
  return { ...backbone, name: `${backbone.name}+${adapter.name}`, graph, sites, fingerprint: fingerprintOf(backbone, adapter) };
}

function requireParameter({ name, parameters }: Adapter, parameter: string): FloatTensor {
  const found = parameters.get(parameter);
  if (found === undefined) throw notMerged(name, `it has no ${parameter}`, "train it, use it in a model, or load it before merging it");
  return found;
}

function refuseGate({ name }: Adapter): never {
  throw notMerged(name, "what it changes depends on the input (gating), so no weights equal it", "keep it in the composition");
}

function notMerged(name: string, problem: string, remedy: string): ModlinguaError {
  return new ModlinguaError("config", `the adapter ${JSON.stringify(name)} cannot be merged: ${problem}`, { remedy });
}

/** Gives a projection a weight of its own (others may read the old one), in the orientation in which its node multiplies. */
function changeWeight(graph: Graph, site: LinearSite, change: Float32Array): LinearSite {
  const node = graph.value(site.product).producer!;
  const transposed = node.op === "Gemm" && node.number("transB", 0) === 1;
  const weight = changedWeight(readConstant(graph.value(site.weight).data!), site, change, transposed);
  const value = graph.addConstant(graph.freshName(`${site.weight}+merged`), { inline: weight });
  graph.setInput(node, 1, value);
  return { ...site, weight: value.name, transposed };
}

/** W + ΔW, as [out, in] where it is `transposed`. */
function changedWeight(old: Tensor, { weight, transposed: was, inWidth, outWidth }: LinearSite, change: Float32Array, transposed: boolean): Tensor {
  const from = floatsOf(old);
  if (from === undefined) throw new ModlinguaError("config", `holds ${old.dtype}; only float32 and float16 weights can take a change`, { place: weight, remedy: "merge into the unquantised model" });
  const sum = new Float32Array(from.length);
  for (let i = 0; i < inWidth; i++) {
    for (let o = 0; o < outWidth; o++) sum[transposed ? o * inWidth + i : i * outWidth + o] = from[was ? o * inWidth + i : i * outWidth + o]! + change[i * outWidth + o]!;
  }
  return tensor(old.dtype, transposed ? [outWidth, inWidth] : [inWidth, outWidth], old.dtype === "float16" ? Uint16Array.from(sum, toHalf) : sum);
}

/** Other weights, another fingerprint. */
function fingerprintOf({ fingerprint }: Backbone, { config, parameters }: Adapter): string {
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const [name, value] of parameters.entries().sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update(bytesOfTensor(value));
  return `${fingerprint}+${hash.digest("hex").slice(0, 16)}`;
}
