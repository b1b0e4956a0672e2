import type { Dim, Shape } from "../../base/index.js";
import type { Node } from "../graph.js";
import { addDims, productOfDims } from "./dims.js";
import { type InferenceRule, type InferenceRules, axesOf, axisOf, integersOf, numbersOf, unknownDim } from "./rule.js";

function reducedShape(node: Node, shape: Shape | undefined, axes: readonly number[] | undefined | null, keep: boolean): Shape | undefined {
  if (shape === undefined || axes === null) return undefined;
  if ((axes === undefined || axes.length === 0) && node.number("noop_with_empty_axes", 0)) return shape;
  const reduced = new Set(axes === undefined || axes.length === 0 ? shape.keys() : axes.map((axis) => axisOf(node, axis, shape.length)));
  return keep ? shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim)) : shape.filter((_, axis) => !reduced.has(axis));
}

const reduce: InferenceRule = (node) => {
  const input = node.inputs[0];
  const shape = reducedShape(node, input?.shape, axesOf(node), node.number("keepdims", 1) !== 0);
  const elements = integersOf(input);
  return { dtype: input?.dtype, shape, integers: elements && input?.shape?.length === 1 ? total(node.op, elements) : undefined };
};

function total(op: string, elements: readonly Dim[]): readonly Dim[] | undefined {
  if (op === "ReduceProd") return [productOfDims(elements)];
  if (op === "ReduceSum") return [elements.reduce(addDims, 0)];
  return undefined;
}

const argument: InferenceRule = (node) => ({
  dtype: "int64",
  shape: reducedShape(node, node.inputs[0]?.shape, [node.number("axis", 0)], node.number("keepdims", 1) !== 0),
});

const topK: InferenceRule = (node) => {
  const input = node.inputs[0];
  const k = integersOf(node.inputs[1])?.[0] ?? (node.attributes.has("k") ? node.number("k", 1) : undefined);
  const axis = input?.shape && axisOf(node, node.number("axis", -1), input.shape.length);
  const shape = input?.shape?.map((dim, index) => (index === axis ? (k ?? unknownDim(node, index)) : dim));
  return [{ dtype: input?.dtype, shape }, { dtype: "int64", shape }];
};

/** Without a reduction the loss has the shape of the labels. */
const loss: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  return [{ dtype, shape: node.text("reduction", "mean") === "none" ? node.inputs[1]?.shape : [] }, { dtype, shape }];
};

const kinds = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"];

export const reductionRules: InferenceRules = {
  ...Object.fromEntries(kinds.map((kind) => [`Reduce${kind}`, reduce])),
  ArgMax: argument, ArgMin: argument, TopK: topK,
  SoftmaxCrossEntropyLoss: loss, NegativeLogLikelihoodLoss: loss,
  NonZero: (node) => ({ dtype: "int64", shape: node.inputs[0]?.shape && [Math.max(1, node.inputs[0].shape.length), unknownDim(node, 1)] }),
  OneHot: (node) => {
    const indices = node.inputs[0]?.shape;
    const depth: Dim = numbersOf(node.inputs[1])?.[0] ?? integersOf(node.inputs[1])?.[0] ?? unknownDim(node, indices?.length ?? 0);
    const axis = indices && axisOf(node, node.number("axis", -1), indices.length + 1);
    return { dtype: node.inputs[2]?.dtype, shape: indices && axis !== undefined ? [...indices.slice(0, axis), depth, ...indices.slice(axis)] : undefined };
  },
};
