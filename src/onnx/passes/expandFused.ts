import { ModlinguaError } from "../../base/index.js";
import { GraphBuilder } from "../builder.js";
import { type Expansion, expandNode, scaleBy } from "../expansions.js";
import type { Node, Value } from "../graph.js";
import type { Pass } from "../pass.js";

export const expandFused: Pass = {
  name: "expandFused",
  does: "writes operators that onnxruntime's optimizer fuses (com.microsoft) with standard ones, so that they can be differentiated",
  requires: ["constantNodes", "normalizeOpset"],
  run(graph) {
    const builder = new GraphBuilder(graph);
    let changes = 0;
    for (const node of graph.sortedNodes()) {
      if (node.domain !== "com.microsoft") continue;
      if (refused.has(node.op)) throw cannotExpand(node);
      const expansion = expansions[node.op];
      if (expansion === undefined) continue;
      expandNode(graph, builder, node, expansion);
      changes++;
    }
    if (![...graph.nodes].some(({ domain }) => domain === "com.microsoft") && graph.opset.delete("com.microsoft")) changes++;
    return changes;
  },
};

/** Whole attention blocks, in which the places that adapters need are not visible. */
const refused = new Set(["Attention", "MultiHeadAttention", "PackedAttention", "PackedMultiHeadAttention", "QAttention", "QOrderedAttention", "RelativePositionBias", "DecoderMaskedMultiHeadAttention",
  "GroupQueryAttention", "SparseAttention", "EmbedLayerNormalization", "QEmbedLayerNormalization", "LongformerAttention"]);

function cannotExpand(node: Node): ModlinguaError {
  return new ModlinguaError("graph", `com.microsoft.${node.op} hides the parts of a layer that adapters and gradients need`,
    { place: `node ${node.name}`, remedy: "use the model as it was exported, before onnxruntime's transformer optimizer" });
}

/** One side of a fused product with its transpositions undone. */
function side(b: GraphBuilder, node: Node, index: 0 | 1): Value {
  const letter = index === 0 ? "A" : "B";
  const value = node.input(index);
  const rank = value.shape?.length ?? 2;
  const order = Array.from({ length: rank }, (_, axis) => axis);
  const rotated = node.number(`transBatch${letter}`, 0) && rank > 2 ? [...order.slice(1, -1), 0, rank - 1] : order;
  const swapped = node.number(`trans${letter}`, 0) && rank > 1 ? [...rotated.slice(0, -2), rotated[rank - 1]!, rotated[rank - 2]!] : rotated;
  return b.transpose(value, swapped);
}

const fusedMatMul: Expansion = (b, node) => [scaleBy(b, b.matMul(side(b, node, 0), side(b, node, 1)), node.number("alpha", 1))];

function biased(b: GraphBuilder, node: Node): Value {
  const bias = node.inputs[1];
  return bias === undefined ? node.input(0) : b.add(node.input(0), bias);
}

const gelu = (approximate: "none" | "tanh"): Expansion => (b, node) => [b.op("Gelu", [biased(b, node)], { approximate })];

const quickGelu: Expansion = (b, node) => {
  const x = node.input(0);
  return [b.mul(x, b.sigmoid(scaleBy(b, x, node.number("alpha", 1.702))))];
};

/** Inputs: x, skip, scale, bias of the norm, bias of the sum. Output 3 is what was normalised. */
const skipLayerNormalization: Expansion = (b, node) => {
  const [x, skip, scale, shift, bias] = node.inputs;
  const sum = b.add(bias === undefined ? x! : b.add(x!, bias), skip!);
  const statistics = node.outputs.slice(1, 3).some(({ uses }) => uses.size > 0);
  const [normalised, mean, deviation] = b.node("LayerNormalization", shift === undefined ? [sum, scale] : [sum, scale, shift], statistics ? 3 : 1,
    { axis: -1, epsilon: { float: node.number("epsilon", 1e-12) } }).outputs;
  return [normalised!, mean ?? sum, deviation ?? sum, sum];
};

/** A Gemm whose result goes through an activation. */
const fusedGemm: Expansion = (b, node) => {
  const { transA, transB, alpha, beta } = { transA: node.number("transA", 0), transB: node.number("transB", 0), alpha: node.number("alpha", 1), beta: node.number("beta", 1) };
  const activation = node.text("activation", "");
  const plain = new Set(["Relu", "Tanh", "Sigmoid", "Softplus", "Softsign"]);
  if (!plain.has(activation)) throw new ModlinguaError("graph", `com.microsoft.FusedGemm with the activation ${JSON.stringify(activation)}`, { place: `node ${node.name}`, remedy: "use the model as it was exported" });
  return [b.op(activation, [b.gemm(node.input(0), node.input(1), node.inputs[2], { transA, transB, alpha, beta })])];
};

const expansions: Readonly<Record<string, Expansion>> = {
  FusedMatMul: fusedMatMul, TransposeMatMul: fusedMatMul, FusedGemm: fusedGemm,
  Gelu: gelu("none"), BiasGelu: gelu("none"), FastGelu: gelu("tanh"), QuickGelu: quickGelu,
  SkipLayerNormalization: skipLayerNormalization,
};
