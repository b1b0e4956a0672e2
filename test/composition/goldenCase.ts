import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Backbone } from "#src/backbone/index.js";
import type { FloatTensor, Tensor } from "#src/base/index.js";
import { float32, int64, tensorFromBytes } from "#src/base/index.js";
import type { Composition } from "#src/composition/index.js";
import { readSafetensors } from "#src/formats/index.js";
import { type Head, createHead } from "#src/heads/index.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";
import type { Value } from "#src/onnx/index.js";
import { flat, ints, openFile, readJson, relativeError } from "../model/tiny.js";
import { fusionOptions, isReadable, ourLayout, ourName, readAdapter, readFusion, readHead } from "./adapterHub.js";

/** A case as `../fixtures/madx/README.md` and the shared parity cases describe it. */
export interface GoldenCase {
  readonly id: string;
  readonly kind: "base" | "adapters" | "gradient" | "peft" | "sparse";
  readonly backboneFile: string;
  readonly adapters: Readonly<Record<string, string>>;
  readonly composition: Composition | null;
  readonly fusion?: string;
  readonly fusionName?: string;
  readonly heads?: Readonly<Record<string, string>>;
  readonly head?: string | readonly string[] | null;
  readonly train?: { readonly adapters?: readonly string[]; readonly fusion?: string };
  readonly feeds: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly labels?: { readonly labels: readonly (readonly number[])[] };
  readonly expected: Readonly<Record<string, unknown>>;
  readonly tolerance: number;
}

export interface Opened {
  readonly golden: GoldenCase;
  readonly model: AdaptedModel;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly heads: readonly Head[];
}

const encoders = new Map<string, Backbone>();

/** The encoder of a file, opened once. */
function encoderOf(file: string): Backbone {
  const known = encoders.get(file) ?? openFile(file);
  encoders.set(file, known);
  return known;
}

/** Opens a case folder; `root` is the folder that `backboneFile` starts from. Undefined where the weights are in a form that nothing here reads. */
export function openCase(folder: string, root: string): Opened | undefined {
  const golden = readJson<GoldenCase>(join(folder, "case.json"));
  const parts = [...Object.values(golden.adapters ?? {}), ...(golden.fusion === undefined ? [] : [golden.fusion])];
  if (!parts.every((part) => isReadable(join(folder, part)))) return undefined;
  const adapters = Object.entries(golden.adapters ?? {}).map(([name, part]) => readAdapter(join(folder, part), name));
  const fusions = golden.fusion === undefined ? [] : [readFusion(join(folder, golden.fusion), golden.fusionName!)];
  const whole = golden.fusion === undefined ? golden.composition : withFusionOptions(golden.composition!, fusionOptions(join(folder, golden.fusion)));
  const file = join(root, golden.backboneFile);
  const bare = golden.head === "default" && golden.composition !== null;
  const heads = headsOf(golden, folder, file);
  const backbone = encoderOf(bare ? file.replace("-mlm", "") : file);
  const model = assemble(backbone, { adapters, fusions, composition: whole, ...(heads[0] === undefined ? {} : { head: heads[0] }) });
  return { golden, model: model as AdaptedModel, feeds: Object.fromEntries(Object.entries(golden.feeds).map(([name, rows]) => [name, ints(rows)])), heads };
}

function headsOf({ head, heads = {}, composition }: GoldenCase, folder: string, file: string): Head[] {
  if (head === undefined || head === null || composition === null) return [];
  if (head === "default") return [maskedLmHead(file)];
  return (typeof head === "string" ? [head] : head).map((name) => readHead(join(folder, heads[name]!), `head of ${name}`));
}

function withFusionOptions(composition: Composition, options: object): Composition {
  if (typeof composition === "string") return composition;
  const entries = Object.entries(composition).map(([key, value]) => [key, Array.isArray(value) && key !== "weights" && key !== "splits" && key !== "batchSizes" ? value.map((child) => withFusionOptions(child as Composition, options)) : value]);
  return { ...Object.fromEntries(entries), ...("fuse" in composition ? options : {}) } as Composition;
}

/** The encoder's own masked-LM head, taken out of the graph that ends with it: dense → Gelu → norm → vocabulary matrix. */
function maskedLmHead(file: string): Head {
  const { graph, config } = encoderOf(file);
  const weight = (name: string, transpose: boolean): FloatTensor => {
    const tensor = constantOf(graph.value(name));
    return transpose ? ourLayout(tensor) : tensor;
  };
  const sum = graph.outputs[0]!.producer!;
  const product = sum.op === "Add" ? sum.inputs.find((input) => input!.producer?.op === "MatMul")!.producer! : sum;
  const decoderBias = sum.op === "Add" ? sum.inputs.find((input) => input!.isConstant)! : sum.inputs[2]!;
  const norm = product.input(0).producer!.op === "Reshape" ? product.input(0).producer!.input(0).producer! : product.input(0).producer!;
  const dense = norm.input(0).producer!.input(0).producer!;
  const inner = dense.op === "Add" ? dense.inputs.find((input) => input!.producer !== undefined)!.producer! : dense;
  const denseBias = dense.op === "Add" ? dense.inputs.find((input) => input!.isConstant)! : dense.inputs[2]!;
  const head = createHead("maskedLm", { vocabulary: config.vocabulary, epsilon: norm.number("epsilon", 1e-12) }, { name: "mlm" });
  head.parameters.set("dense.weight", weight(inner.input(1).name, inner.op === "Gemm" && inner.number("transB", 0) === 1));
  head.parameters.set("dense.bias", weight(denseBias.name, false));
  head.parameters.set("norm.weight", weight(norm.input(1).name, false));
  head.parameters.set("norm.bias", weight(norm.inputs[2]!.name, false));
  head.parameters.set("decoder.bias", weight(decoderBias.name, false));
  return head;
}

/** A constant's numbers, also where they stay in the model's file. */
function constantOf({ data }: Value): FloatTensor {
  if ("inline" in data!) return data.inline as FloatTensor;
  const { file, offset, length, dims } = data!.external;
  return tensorFromBytes("float32", dims, new Uint8Array(readFileSync(file)).slice(offset, offset + length)) as FloatTensor;
}

/** Flat positions of all pieces of a batch of `copies` copies, as an int64 vector. */
function everyPosition(input: Tensor, copies = 1): Tensor {
  const count = input.dims[0]! * input.dims[1]! * copies;
  return int64([count], Array.from({ length: count }, (_, index) => index));
}

/** Largest error over a case's expected arrays, by what they are. */
export async function forwardErrors({ golden, model, feeds, heads }: Opened): Promise<Record<string, number>> {
  const { expected } = golden;
  const errors: Record<string, number> = {};
  if (expected["last_hidden_state"] !== undefined) errors["last_hidden_state"] = relativeError((await headless(model, heads).predict(feeds, { outputs: ["last_hidden_state"] }))["last_hidden_state"]!.data, flat(expected["last_hidden_state"]));
  if (expected["logits"] !== undefined) errors["logits"] = relativeError(await logitsOf(model, heads, feeds), flat(expected["logits"]));
  if (expected["fusion_attentions"] !== undefined) errors["fusion_attentions"] = await attentionError(headless(model, heads), feeds, expected["fusion_attentions"]);
  if (expected["heads"] !== undefined) errors["heads"] = await headsError(model, heads, feeds, expected["heads"] as unknown[]);
  return errors;
}

function headless(model: AdaptedModel, heads: readonly Head[]): AdaptedModel {
  return heads.length === 0 ? model : model.withHead(undefined);
}

async function logitsOf(model: AdaptedModel, heads: readonly Head[], feeds: Readonly<Record<string, Tensor>>): Promise<ArrayLike<number>> {
  const name = heads.length === 0 ? "last_hidden_state" : "logits";
  const outputs = await model.predict({ ...feeds, rows: everyPosition(feeds["input_ids"]!) }, { outputs: [name] });
  return outputs[name]!.data as Float32Array;
}

/** Expected are [layer, place, batch, sequence, adapter], attention before feed-forward. */
async function attentionError(model: AdaptedModel, feeds: Readonly<Record<string, Tensor>>, expected: unknown): Promise<number> {
  const outputs = await model.predict(feeds);
  const order = (name: string): number => 2 * Number(name.match(/\/(\d+)\//)![1]) + (name.endsWith("attentionOutput") ? 0 : 1);
  const weights = Object.keys(outputs).filter((name) => name.startsWith("attention/")).sort((a, b) => order(a) - order(b));
  return relativeError(weights.flatMap((name) => [...(outputs[name]!.data as Float32Array)]), flat(expected));
}

/** One head a child of `parallel`: each reads its own copy. */
async function headsError(model: AdaptedModel, heads: readonly Head[], feeds: Readonly<Record<string, Tensor>>, expected: readonly unknown[]): Promise<number> {
  let worst = 0;
  for (const [child, head] of heads.entries()) {
    const { logits } = await model.withHead(head).predict({ ...feeds, rows: everyPosition(feeds["input_ids"]!, heads.length) }, { outputs: ["logits"] });
    const share = logits!.data.length / heads.length;
    worst = Math.max(worst, relativeError((logits!.data as Float32Array).slice(child * share, (child + 1) * share), flat(expected[child])));
  }
  return worst;
}

/** Loss and gradients against the case's; gradients relative to the largest of the case. */
export async function gradientErrors({ golden, model, feeds, heads: [head] }: Opened, folder: string): Promise<{ loss: number; gradients: number }> {
  const labels = golden.labels!.labels.flat();
  const rows = labels.flatMap((label, position) => (label === -100 ? [] : [position]));
  const { adapters = [], fusion } = golden.train!;
  const step = await model.training([...adapters, ...(fusion === undefined ? [] : [fusion]), ...(golden.head === "default" ? [] : [head!.name])]);
  const result = await step.run({ ...feeds, rows: int64([rows.length], rows), labels: int64([rows.length], rows.map((row) => labels[row]!)), lossScale: float32([], [1 / rows.length]) });
  const expected = expectedGradients(golden, join(folder, golden.expected["gradients"] as string), head!.name);
  const ours = step.parameters.map(({ module, name }) => `${module}/${name}`);
  const missing = [...expected.keys()].filter((key) => !ours.includes(key));
  if (missing.length > 0) throw new Error(`no gradient for ${missing.join(", ")}`);
  const largest = Math.max(...[...expected.values()].flatMap(({ data }) => Array.from(data, Math.abs)));
  const differences = ours.map((key, index) => {
    const wanted = expected.get(key);
    if (wanted === undefined) throw new Error(`no expected gradient for ${key}`);
    return Math.max(...Array.from(result.gradients[index]!.data, (value, i) => Math.abs(value - wanted.data[i]!)));
  });
  const loss = Number(golden.expected["loss"]);
  return { loss: Math.abs(result.loss - loss) / loss, gradients: Math.max(...differences) / largest };
}

function expectedGradients(golden: GoldenCase, file: string, headName: string): Map<string, FloatTensor> {
  const names = [...Object.keys(golden.adapters), ...(golden.fusionName === undefined ? [] : [golden.fusionName])];
  return new Map([...readSafetensors(file).tensors].flatMap(([key, tensor]) => {
    const module = key.startsWith("heads.") ? headName : key.includes("adapter_fusion_layer") ? golden.fusionName! : names.find((name) => key.includes(`.${name}.`))!;
    const ours = ourName(key, module, normBeforeOf(key, file));
    return ours === undefined ? [] : [[`${module}/${ours}`, ourLayout(tensor as FloatTensor)] as const];
  }));
}

/** Where a case's adapter has a norm of its own before, the linear layer is the second of `adapter_down`. */
function normBeforeOf(key: string, file: string): boolean {
  const prefix = key.replace(/adapter_(down|up|norm_before|norm_after).*$/, "");
  return [...readSafetensors(file).tensors.keys()].some((other) => other.startsWith(`${prefix}adapter_norm_before`) || other.startsWith(`${prefix}adapter_down.1.`));
}
