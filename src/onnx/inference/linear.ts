import type { Dim, Shape } from "../../base/index.js";
import type { Node, Value } from "../graph.js";
import { type InferenceRule, type InferenceRules, type Inferred, broadcastShapes, contradiction, like, sameDim, shown } from "./rule.js";

/** NumPy's matmul: vectors lose their axis, leading axes broadcast. */
function productShape(node: Node, a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0) throw contradiction(node, `cannot multiply ${shown(a)} by ${shown(b)}`);
  const left = a.length === 1 ? [1, a[0]!] : a;
  const right = b.length === 1 ? [b[0]!, 1] : b;
  if (isMismatch(left.at(-1)!, right.at(-2)!)) throw contradiction(node, `the inner sizes of ${shown(a)} and ${shown(b)} differ`);
  const batch = broadcastShapes(node, [left.slice(0, -2), right.slice(0, -2)])!;
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])];
}

function isMismatch(a: Dim, b: Dim): boolean {
  return typeof a === "number" && typeof b === "number" && a !== b;
}

function swapped(shape: Shape | undefined): Shape | undefined {
  return shape === undefined || shape.length < 2 ? shape : [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
}

/** FusedMatMul's `transBatch`: the first axis goes to the place before the last. */
function firstAxisInward(shape: Shape | undefined): Shape | undefined {
  return shape === undefined || shape.length < 3 ? shape : [...shape.slice(1, -1), shape[0]!, shape.at(-1)!];
}

function transposedBy(node: Node, side: "A" | "B"): Shape | undefined {
  const shape = node.inputs[side === "A" ? 0 : 1]?.shape;
  const rotated = node.number(`transBatch${side}`, 0) ? firstAxisInward(shape) : shape;
  return node.number(`trans${side}`, 0) ? swapped(rotated) : rotated;
}

const gemm: InferenceRule = (node) => {
  const a = transposedBy(node, "A");
  const b = transposedBy(node, "B");
  if (a !== undefined && a.length !== 2) throw contradiction(node, `needs matrices, got ${shown(a)}`);
  return { dtype: node.inputs[0]?.dtype, shape: productShape(node, a, b) };
};

const matMulAs = (dtype?: "int32" | "float32"): InferenceRule => (node) => ({
  dtype: dtype ?? node.inputs[0]?.dtype,
  shape: productShape(node, node.inputs[0]?.shape, node.inputs[1]?.shape),
});

const nBits: InferenceRule = (node) => {
  const shape = node.inputs[0]?.shape;
  const columns = node.number("N", 0);
  if (shape !== undefined) sameDim(node, "the inner sizes", shape.at(-1) ?? 1, node.number("K", 0));
  return { dtype: node.inputs[0]?.dtype, shape: shape && [...shape.slice(0, -1), columns] };
};

/** Einstein summation; an ellipsis stands for leading axes that broadcast. */
const einsum: InferenceRule = (node): Inferred => {
  const dtype = node.inputs[0]?.dtype;
  const [left, right] = node.text("equation", "").replace(/\s/g, "").split("->");
  const sizes = new Map<string, Dim>();
  const batches: Shape[] = [];
  for (const [index, term] of (left ?? "").split(",").entries()) {
    const shape = node.inputs[index]?.shape;
    if (shape === undefined) return { dtype };
    batches.push(readTerm(node, term, shape, sizes));
  }
  const batch = broadcastShapes(node, batches)!;
  const result = right ?? implicitResult(left ?? "");
  return { dtype, shape: letters(result).flatMap((letter) => (letter === "..." ? batch : [sizes.get(letter) ?? 1])) };
};

function letters(term: string): string[] {
  return term.match(/\.\.\.|[A-Za-z]/g) ?? [];
}

/** Without an arrow the result has the letters that occur once, in order. */
function implicitResult(left: string): string {
  const all = letters(left).filter((letter) => letter !== "...");
  const once = [...new Set(all)].filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter)).sort().join("");
  return left.includes("...") ? `...${once}` : once;
}

/** Enters the sizes of a term's letters; returns what its ellipsis stands for. */
function readTerm(node: Node, term: string, shape: Shape, sizes: Map<string, Dim>): Shape {
  const parts = letters(term);
  const wide = shape.length - (parts.length - (parts.includes("...") ? 1 : 0));
  if (wide < 0 || (wide > 0 && !parts.includes("..."))) throw contradiction(node, `term ${JSON.stringify(term)} does not fit ${shown(shape)}`);
  let axis = 0;
  let batch: Shape = [];
  for (const part of parts) {
    if (part === "...") {
      batch = shape.slice(axis, axis + wide);
      axis += wide;
    } else {
      const size = shape[axis++]!;
      const known = sizes.get(part);
      sizes.set(part, known === undefined || known === 1 ? size : size === 1 ? known : sameDim(node, `the sizes of ${part}`, known, size));
    }
  }
  return batch;
}

/** Outputs: normalised, mean, inverse standard deviation. */
const layerNormalization: InferenceRule = (node) => {
  const { dtype, shape } = like(node.inputs[0]);
  const rank = shape?.length ?? 0;
  const axis = node.number("axis", -1);
  const start = axis < 0 ? axis + rank : axis;
  checkScale(node, shape, node.inputs[1]);
  const statistics: Inferred = { dtype: "float32", shape: shape?.map((dim, index) => (index < start ? dim : 1)) };
  return [{ dtype, shape }, statistics, statistics];
};

function checkScale(node: Node, shape: Shape | undefined, scale: Value | undefined): void {
  if (shape !== undefined && scale?.shape?.length === 1 && scale.shape[0] !== 1) sameDim(node, "the width and the scale's size", shape.at(-1) ?? 1, scale.shape[0]!);
}

/** Outputs: normalised, mean, inverse standard deviation, the sum that was normalised. */
const skipLayerNormalization: InferenceRule = (node) => {
  const { dtype, shape } = like(node.inputs[0]);
  const statistics: Inferred = { dtype: "float32", shape: shape && [...shape.slice(0, -1), 1] };
  return [{ dtype, shape }, statistics, statistics, { dtype, shape }];
};

const rootMeanSquare: InferenceRule = (node) => like(node.inputs[0]);

/** Opset 23's attention over four-dimensional heads; three-dimensional inputs carry the head counts as attributes. */
const attention: InferenceRule = (node) => {
  const [query, , value] = node.inputs.map((input) => input?.shape);
  if (query === undefined || value === undefined) return { dtype: node.inputs[0]?.dtype };
  const flat = query.length === 3;
  const width = flat && typeof value[2] === "number" ? (value[2] / node.number("kv_num_heads", 1)) * node.number("q_num_heads", 1) : value.at(-1)!;
  return { dtype: node.inputs[0]?.dtype, shape: [...query.slice(0, -1), width] };
};

export const linearRules: InferenceRules = {
  MatMul: matMulAs(), Gemm: gemm, Einsum: einsum,
  LayerNormalization: layerNormalization, RMSNormalization: rootMeanSquare, SimplifiedLayerNormalization: rootMeanSquare,
  Attention: attention, RotaryEmbedding: rootMeanSquare,
  MatMulInteger: matMulAs("int32"),
  "com.microsoft:FusedMatMul": (node) => ({ dtype: node.inputs[0]?.dtype, shape: productShape(node, transposedBy(node, "A"), transposedBy(node, "B")) }),
  "com.microsoft:SkipLayerNormalization": skipLayerNormalization,
  "com.microsoft:SkipSimplifiedLayerNormalization": skipLayerNormalization,
  "com.microsoft:DynamicQuantizeMatMul": matMulAs("float32"), "com.microsoft:MatMulIntegerToFloat": matMulAs("float32"),
  "com.microsoft:MatMulNBits": nBits,
};
