import { type Dim, ModlinguaError } from "../base/index.js";
import type { GraphBuilder } from "./builder.js";
import type { Graph, Node, Value } from "./graph.js";

/** Writes an operator as simpler ones: returns the values of its outputs, in order (later ones may be left out where nobody reads them). */
export type Expansion = (b: GraphBuilder, node: Node) => readonly Value[];

/** Puts the expansion in the place of the node. Names of its outputs stay. */
export function expandNode(graph: Graph, b: GraphBuilder, node: Node, expansion: Expansion): void {
  const results = expansion(b.within(node.name), node);
  node.outputs.forEach((output, index) => {
    const result = results[index];
    if (result === undefined && (output.uses.size > 0 || graph.outputs.includes(output))) throw refusedExpansion(node, `its output ${index} is read`);
  });
  const [first, ...rest] = node.outputs;
  rest.forEach((output, index) => results[index + 1] && graph.replaceUses(output, results[index + 1]!));
  if (first !== undefined && results[0] !== undefined) takeOver(graph, node, results[0]);
}

/** The node that makes the result makes the old output instead, where it can; otherwise an Identity does. */
function takeOver(graph: Graph, node: Node, result: Value): void {
  const [output] = node.outputs;
  const maker = result.producer;
  for (const value of node.outputs.splice(1)) {
    value.producer = undefined;
    if (value.uses.size === 0) graph.removeValue(value);
  }
  if (maker === undefined || maker.outputs.length !== 1 || result.uses.size > 0 || graph.outputs.includes(result)) {
    graph.substitute(node, "Identity", [result]);
    return;
  }
  graph.substitute(node, maker.op, maker.inputs, Object.fromEntries(maker.attributes), maker.domain);
  graph.removeNode(maker);
  if (output !== undefined) [output.dtype, output.shape] = [result.dtype ?? output.dtype, result.shape ?? output.shape];
}

export function refusedExpansion(node: Node, why: string): ModlinguaError {
  return new ModlinguaError("graph", `${node.op} cannot be written with plain operators: ${why}`, { place: `node ${node.name}`, remedy: "export the model without this operator (a lower opset, or no fusion by onnxruntime)" });
}

/**
 * ONNX Attention (opset 23): softmax(√s·Q (√s·K)ᵀ + mask) V, with s = 1/√d by default.
 * Q, K, V: [batch, heads, tokens, d], or [batch, tokens, heads·d] with the head counts as attributes.
 */
export const attention: Expansion = (b, node) => {
  refuseCaches(node);
  const flat = node.input(0).shape?.length === 3;
  const [query, key, value] = [0, 1, 2].map((index) => heads(b, node, node.input(index), node.number(index === 0 ? "q_num_heads" : "kv_num_heads", 1))) as [Value, Value, Value];
  refuseGrouped(node, query.shape?.[1], key.shape?.[1]);
  const width = query.shape?.at(-1);
  if (typeof width !== "number" && !node.attributes.has("scale")) throw refusedExpansion(node, "the size of its heads is not known");
  const root = Math.sqrt(node.number("scale", 0) || 1 / Math.sqrt(width as number));
  const scores = b.matMul(b.mul(query, root), b.mul(b.transposeLast(key), root));
  const mixed = b.matMul(b.softmax(masked(b, capped(b, node, scores), node.inputs[3])), value);
  return [flat ? b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [0, 0, -1]) : mixed];
};

function refuseCaches(node: Node): void {
  if (node.inputs[4] !== undefined || node.inputs[5] !== undefined || node.inputs[6] !== undefined) throw refusedExpansion(node, "it reads a cache of keys and values");
  if (node.number("is_causal", 0) !== 0) throw refusedExpansion(node, "it is causal");
}

function refuseGrouped(node: Node, queries: Dim | undefined, keys: Dim | undefined): void {
  if (queries !== keys) throw refusedExpansion(node, `it has ${queries ?? "unknown"} query heads for ${keys ?? "unknown"} key heads`);
}

/** [batch, tokens, heads·d] → [batch, heads, tokens, d]; four axes stay. */
function heads(b: GraphBuilder, node: Node, value: Value, count: number): Value {
  if (value.shape === undefined) throw refusedExpansion(node, `the shape of ${JSON.stringify(value.name)} is not known`);
  return value.shape.length === 4 ? value : b.transpose(b.reshape(value, [0, 0, count, -1]), [0, 2, 1, 3]);
}

function capped(b: GraphBuilder, node: Node, scores: Value): Value {
  const cap = node.number("softcap", 0);
  return cap === 0 ? scores : b.mul(b.tanh(b.div(scores, cap)), cap);
}

/** A boolean mask is true where a token may be read. The lowest float stands for −∞, which would make a row of nothing NaN. */
function masked(b: GraphBuilder, scores: Value, mask: Value | undefined): Value {
  if (mask === undefined) return scores;
  return b.add(scores, mask.dtype === "bool" ? b.where(mask, 0, lowest) : mask);
}

const lowest = -3.4028234663852886e38;

/** Zhang & Sennrich 2019, eq. 4: x / √(mean(x²) + ε) · scale, over the axes from `axis` on. */
export const rootMeanSquareNormalization: Expansion = (b, node) => {
  const [x, scale] = [node.input(0), node.input(1)];
  const axis = node.number("axis", -1);
  if (axis >= 0 && x.shape === undefined) throw refusedExpansion(node, "the rank of its input is not known");
  const first = axis < 0 ? axis : axis - x.shape!.length;
  const axes = Array.from({ length: -first }, (_, index) => first + index);
  const meanSquare = b.mean(b.mul(x, x), axes, true);
  return [b.mul(b.div(x, b.sqrt(b.add(meanSquare, node.number("epsilon", 1e-5)))), scale)];
};

/**
 * Su et al. 2021, eq. 34: pairs of features turned by the angle of their position.
 * x: [batch, heads, tokens, d], or [batch, tokens, heads·d] with `num_heads`; caches: [positions, d/2], or [batch, tokens, d/2] without position ids.
 */
export const rotaryEmbedding: Expansion = (b, node) => {
  if (node.number("interleaved", 0) !== 0) throw refusedExpansion(node, "its pairs are interleaved");
  const flat = node.input(0).shape?.length === 3;
  const x = heads(b, node, node.input(0), node.number("num_heads", 1));
  const width = x.shape?.at(-1);
  const turned = node.number("rotary_embedding_dim", 0) || width;
  if (typeof width !== "number" || typeof turned !== "number") throw refusedExpansion(node, "the size of its heads is not known");
  const [cosine, sine] = [1, 2].map((index) => angles(b, node, index)) as [Value, Value];
  const [first, second] = [b.slice(x, 3, 0, turned / 2), b.slice(x, 3, turned / 2, turned)];
  const parts = [b.sub(b.mul(cosine, first), b.mul(sine, second)), b.add(b.mul(sine, first), b.mul(cosine, second))];
  const whole = b.concat(turned === width ? parts : [...parts, b.slice(x, 3, turned, width)], -1);
  return [flat ? b.reshape(b.transpose(whole, [0, 2, 1, 3]), [0, 0, -1]) : whole];
};

/** [batch, 1, tokens, d/2]. */
function angles(b: GraphBuilder, node: Node, index: number): Value {
  const positions = node.inputs[3];
  return b.unsqueeze(positions === undefined ? node.input(index) : b.gather(node.input(index), positions), [1]);
}

/** A value times a number; no node where that is 1. */
export function scaleBy(b: GraphBuilder, value: Value, factor: number): Value {
  return factor === 1 ? value : b.mul(value, factor);
}
