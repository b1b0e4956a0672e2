import type { DType, Tensor } from "../../base/index.js";
import type { Node } from "../graph.js";
import { dtypeOfOnnx } from "../types.js";
import { type InferenceRule, type InferenceRules, type Inferred, integersIn, integersOf, longestTracked, unknownShape } from "./rule.js";

/** The tensor that a Constant node holds under one of its six spellings; undefined for strings and sparse tensors. */
export function tensorAttribute(node: Node, name: string): Tensor | undefined {
  const value = node.attributes.get(name);
  return value !== undefined && typeof value === "object" && "dtype" in value ? value : undefined;
}

const constant: InferenceRule = (node): Inferred => {
  const value = tensorAttribute(node, "value");
  if (value !== undefined) return { dtype: value.dtype, shape: value.dims, integers: integersIn(value) };
  if (node.attributes.has("value_float")) return { dtype: "float32", shape: [] };
  if (node.attributes.has("value_int")) return { dtype: "int64", shape: [], integers: [node.number("value_int", 0)] };
  if (node.attributes.has("value_floats")) return { dtype: "float32", shape: [node.numbers("value_floats")!.length] };
  const ints = node.numbers("value_ints");
  return ints === undefined ? {} : { dtype: "int64", shape: [ints.length], integers: ints };
};

const constantOfShape: InferenceRule = (node) => {
  const value = tensorAttribute(node, "value");
  const shape = integersOf(node.inputs[0]);
  const rank = node.inputs[0]?.shape?.[0];
  const dtype: DType = value?.dtype ?? "float32";
  if (shape === undefined) return { dtype, shape: typeof rank === "number" ? unknownShape(node, rank) : undefined };
  const size = shape[0] ?? 1;
  const listed = /int|bool/.test(dtype) && shape.length <= 1 && typeof size === "number" && size <= longestTracked;
  return { dtype, shape, integers: listed ? Array.from({ length: size }, () => Number(value?.data[0] ?? 0)) : undefined };
};

const random: InferenceRule = (node) => ({ dtype: dtypeOfOnnx(node.number("dtype", 1)), shape: node.numbers("shape") });

export const generatorRules: InferenceRules = {
  Constant: constant, ConstantOfShape: constantOfShape, RandomNormal: random, RandomUniform: random,
  EyeLike: (node) => ({ dtype: node.attributes.has("dtype") ? dtypeOfOnnx(node.number("dtype", 1)) : node.inputs[0]?.dtype, shape: node.inputs[0]?.shape }),
};
