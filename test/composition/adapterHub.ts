import { existsSync } from "node:fs";
import { join } from "node:path";
import { type FloatTensor, float32 } from "#src/base/index.js";
import { type Adapter, type ModuleConfig, ParameterTable, createAdapter } from "#src/computation/index.js";
import { readSafetensors } from "#src/formats/index.js";
import { type Head, createHead } from "#src/heads/index.js";
import type { Fusion } from "#src/model/index.js";
import { readJson } from "../model/tiny.js";

/** What the Python library `adapters` writes, read far enough for tests: configurations and weights of bottlenecks, LoRA, fusions and heads. */
export function readAdapter(folder: string, name: string): Adapter {
  const { config } = readJson<{ config: Record<string, unknown> }>(join(folder, "adapter_config.json"));
  const adapter = createAdapter(name, config["architecture"] === "lora" ? loraConfig(config) : bottleneckConfig(config));
  for (const [key, tensor] of readWeights(join(folder, "adapter.safetensors"), name, config)) adapter.parameters.set(key, tensor);
  return adapter;
}

export function readFusion(folder: string, name: string): Fusion {
  return { name, parameters: new ParameterTable(readWeights(join(folder, "model_adapter_fusion.safetensors"), name, {})), seed: 0, card: {} };
}

/** Options of the block that differ from its defaults. */
export function fusionOptions(folder: string): object {
  const { config } = readJson<{ config: Record<string, unknown> }>(join(folder, "adapter_fusion_config.json"));
  return { key: config["key"], query: config["query"], value: config["value"], valueInitialized: config["value_initialized"], valueBeforeSoftmax: config["value_before_softmax"] };
}

export function readHead(folder: string, name: string): Head {
  const { config } = readJson<{ config: { head_type: "tagging" | "classification"; label2id: Record<string, number>; layers: number; activation_function: string } }>(join(folder, "head_config.json"));
  const common = { labels: Object.keys(config.label2id), layers: config.layers, activation: config.activation_function };
  const head = config.head_type === "tagging" ? createHead("tagging", { ...common, pieces: "first" }, { name }) : createHead("classification", { ...common, pooling: "first" }, { name });
  for (const [key, tensor] of readSafetensors(join(folder, "model_head.safetensors")).tensors) head.parameters.set(headName(key, config.layers), ourLayout(tensor as FloatTensor));
  return head as unknown as Head;
}

/** Dropout, linear and activation take turns, so that the linear layers are numbers 1, 4, 7 … */
function headName(key: string, layers: number): string {
  const [, place, kind] = key.match(/^heads\..+\.(\d+)\.(weight|bias)$/)!;
  const layer = (Number(place) + 2) / 3;
  return layer === layers ? `out.${kind}` : `dense.${layer}.${kind}`;
}

/** Whether the weights of a case's folders are in a form that this reader knows. */
export function isReadable(folder: string): boolean {
  return existsSync(join(folder, "adapter.safetensors")) || existsSync(join(folder, "model_adapter_fusion.safetensors"));
}

function readWeights(file: string, name: string, config: Readonly<Record<string, unknown>>): [string, FloatTensor][] {
  return [...readSafetensors(file).tensors].flatMap(([key, tensor]) => {
    const ours = ourName(key, name, config["ln_before"] === true);
    return ours === undefined ? [] : [[ours, ourLayout(tensor as FloatTensor)] as [string, FloatTensor]];
  });
}

/** [out, in] → [in, out]; vectors as they are. */
export function ourLayout(tensor: FloatTensor): FloatTensor {
  const [rows, columns] = tensor.dims;
  if (rows === undefined || columns === undefined) return tensor;
  return float32([columns, rows], Float32Array.from(tensor.data, (_, index) => tensor.data[(index % rows) * columns + Math.floor(index / rows)]!));
}

const linears: Readonly<Record<string, string>> = {
  "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value", "intermediate.dense": "intermediate", "output.dense": "output",
  "attention.q_lin": "query", "attention.k_lin": "key", "attention.v_lin": "value", "ffn.lin1": "intermediate", "ffn.lin2": "output",
};

/** The parameter's name here; undefined where the library's file repeats a weight under a second name. */
export function ourName(key: string, name: string, normBefore: boolean): string | undefined {
  if (key.startsWith("heads.")) return headName(key, 1);
  const bijection = key.match(/invertible_adapters\.[^.]+\.(F|G|s1|s2)\.(0|2)\.(weight|bias)$/);
  if (bijection !== null) return `invertible.${bijection[1]}.${bijection[2] === "0" ? "down" : "up"}.${bijection[3]}`;
  const found = key.match(/(?:encoder|transformer)\.layer\.(\d+)\.(.+)$/);
  if (found === null) throw new Error(`unknown weight ${key}`);
  const [, layer, path] = found;
  const fusion = path!.match(/^(attention\.)?output\.adapter_fusion_layer\..+\.((?:query|key|value)\.(?:weight|bias))$/);
  if (fusion !== null) return `layer.${layer}.${fusion[1] === undefined ? "ffnOutput" : "attentionOutput"}.${fusion[2]}`;
  const marker = path!.includes(`.loras.${name}.`) ? `.loras.${name}.` : `.adapters.${name}.`;
  const [place, parameter] = path!.split(marker) as [string, string];
  if (marker.startsWith(".loras")) return `layer.${layer}.${linears[place]}.${parameter.replace(/^lora_/, "")}`;
  const own = bottleneckParameter(parameter, normBefore);
  return own && `layer.${layer}.${place.startsWith("attention") ? "attentionOutput" : "ffnOutput"}.${own}`;
}

function bottleneckParameter(parameter: string, normBefore: boolean): string | undefined {
  const linear = normBefore ? "adapter_down.1." : "adapter_down.0.";
  if (parameter.startsWith(linear)) return `down.${parameter.slice(linear.length)}`;
  if (parameter.startsWith("adapter_down.")) return undefined;
  return parameter.replace("adapter_up.", "up.").replace("adapter_norm_before.", "normBefore.").replace("adapter_norm_after.", "normAfter.");
}

function bottleneckConfig(config: Readonly<Record<string, unknown>>): ModuleConfig {
  return {
    method: "bottleneck", places: [...(config["mh_adapter"] === true ? ["attentionOutput"] : []), ...(config["output_adapter"] === true ? ["ffnOutput"] : [])],
    reductionFactor: config["reduction_factor"], nonLinearity: config["non_linearity"], originalNormBefore: config["original_ln_before"], originalNormAfter: config["original_ln_after"],
    normBefore: config["ln_before"], normAfter: config["ln_after"], parallel: config["is_parallel"], scaling: config["scaling"], gating: config["use_gating"],
    residualBeforeNorm: config["residual_before_ln"] === "post_add" ? "postAdd" : Boolean(config["residual_before_ln"]), adapterResidualBeforeNorm: config["adapter_residual_before_ln"],
    leaveOut: config["leave_out"], invertible: config["inv_adapter"] ?? "none", invertibleReductionFactor: config["inv_adapter_reduction_factor"] ?? 2,
  } as unknown as ModuleConfig;
}

function loraConfig(config: Readonly<Record<string, unknown>>): ModuleConfig {
  const attention = { q: "query", k: "key", v: "value" } as Readonly<Record<string, string>>;
  return {
    method: "lora", rank: config["r"] as number, alpha: config["alpha"] as number, gating: config["use_gating"] as boolean, leaveOut: config["leave_out"] as number[],
    targets: [
      ...(config["selfattn_lora"] === true ? (config["attn_matrices"] as string[]).map((letter) => attention[letter]!) : []),
      ...(config["intermediate_lora"] === true ? ["intermediate"] : []), ...(config["output_lora"] === true ? ["output"] : []),
    ],
  };
}
