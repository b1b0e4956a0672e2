import type { DType, Dim } from "../../base/index.js";
import type { Node } from "../graph.js";
import { dtypeOfOnnx } from "../types.js";
import { addDims, divideDims, isEqual, isLess, largerDim, multiplyDims, smallerDim, subtractDims } from "./dims.js";
import { type InferenceRule, type InferenceRules, type Inferred, broadcastShapes, complete, integersOf, like } from "./rule.js";

type Operation = (a: Dim, b: Dim) => Dim | undefined;

const same: InferenceRule = (node) => like(node.inputs[0]);
const test: InferenceRule = (node) => ({ dtype: "bool", shape: node.inputs[0]?.shape });

/** Any number of inputs, broadcast; integer elements are folded pairwise. */
function broadcasting(operation?: Operation, dtype?: DType): InferenceRule {
  return (node) => ({
    dtype: dtype ?? node.inputs.find((input) => input?.dtype !== undefined)?.dtype,
    shape: broadcastShapes(node, node.inputs.map((input) => input?.shape)),
    integers: operation && foldedIntegers(node, operation),
  });
}

function foldedIntegers(node: Node, operation: Operation): readonly Dim[] | undefined {
  const lists = node.inputs.map(integersOf);
  return lists.slice(1).reduce((a, b) => a && b && elementwise(a, b, operation), lists[0]);
}

function elementwise(a: readonly Dim[], b: readonly Dim[], operation: Operation): readonly Dim[] | undefined {
  if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
  const size = a.length === 0 || b.length === 0 ? 0 : Math.max(a.length, b.length);
  return complete(Array.from({ length: size }, (_, index) => operation(a[a.length === 1 ? 0 : index]!, b[b.length === 1 ? 0 : index]!)));
}

function unaryIntegers(operation: (element: Dim) => Dim | undefined): InferenceRule {
  return (node) => ({ ...like(node.inputs[0]), integers: complete(integersOf(node.inputs[0])?.map(operation)) });
}

/** Integer division truncates; sizes are not negative, so that is rounding down. */
const quotient: Operation = (a, b) => (typeof a === "number" && typeof b === "number" ? (b === 0 ? undefined : Math.trunc(a / b)) : divideDims(a, b));
const remainder: Operation = (a, b) => (typeof a === "number" && typeof b === "number" && b !== 0 ? ((a % b) + b) % b : undefined);
const flag = (truth: boolean | undefined): Dim | undefined => (truth === undefined ? undefined : truth ? 1 : 0);
const not = (truth: boolean | undefined): boolean | undefined => (truth === undefined ? undefined : !truth);
const logical = (operation: (a: boolean, b: boolean) => boolean): Operation =>
  (a, b) => (typeof a === "number" && typeof b === "number" ? flag(operation(a !== 0, b !== 0)) : undefined);

const cast: InferenceRule = (node) => {
  const dtype = node.op === "CastLike" ? node.inputs[1]?.dtype : dtypeOfOnnx(node.number("to", 0));
  return { dtype, shape: node.inputs[0]?.shape, integers: complete(integersOf(node.inputs[0])?.map((element) => castElement(element, dtype))) };
};

function castElement(element: Dim, dtype: DType | undefined): Dim | undefined {
  if (dtype === "bool") return flag(not(isEqual(element, 0)));
  return dtype === "int32" || dtype === "int64" ? element : undefined;
}

/** Elements are chosen where the condition is known; torch writes `Where(shape = -1, 1, shape)` before Expand. */
const where: InferenceRule = (node): Inferred => {
  const [condition, yes, no] = node.inputs.map(integersOf);
  const size = Math.max(condition?.length ?? 0, yes?.length ?? 0, no?.length ?? 0);
  const at = (list: readonly Dim[], index: number): Dim | undefined => list[list.length === 1 ? 0 : index];
  const chosen = condition && yes && no
    ? Array.from({ length: size }, (_, index) => at(at(condition, index) === 0 ? no : yes, index)) : undefined;
  return {
    dtype: node.inputs[1]?.dtype ?? node.inputs[2]?.dtype,
    shape: broadcastShapes(node, node.inputs.map((input) => input?.shape)),
    integers: complete(chosen),
  };
};

const unary = [
  "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Clip", "Cos", "Cosh", "CumSum", "Elu", "Erf", "Exp", "Floor",
  "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "LeakyRelu", "Log", "LogSoftmax", "Mish", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid",
  "Sign", "Sin", "Sinh", "Softmax", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu", "Trilu",
];

export const elementwiseRules: InferenceRules = {
  ...Object.fromEntries(unary.map((op) => [op, same])),
  Identity: unaryIntegers((element) => element),
  Neg: unaryIntegers((element) => multiplyDims(-1, element)),
  Not: unaryIntegers((element) => (typeof element === "number" ? 1 - element : undefined)),
  IsNaN: test, IsInf: test,
  Add: broadcasting(addDims), Sub: broadcasting(subtractDims), Mul: broadcasting(multiplyDims), Div: broadcasting(quotient), Mod: broadcasting(remainder),
  Pow: (node) => ({ dtype: node.inputs[0]?.dtype, shape: broadcastShapes(node, node.inputs.map((input) => input?.shape)) }),
  Min: broadcasting(smallerDim), Max: broadcasting(largerDim), Sum: broadcasting(addDims), Mean: broadcasting(),
  BitShift: broadcasting(), BitwiseAnd: broadcasting(), BitwiseOr: broadcasting(), BitwiseXor: broadcasting(),
  Equal: broadcasting((a, b) => flag(isEqual(a, b)), "bool"),
  Less: broadcasting((a, b) => flag(isLess(a, b)), "bool"),
  Greater: broadcasting((a, b) => flag(isLess(b, a)), "bool"),
  LessOrEqual: broadcasting((a, b) => flag(not(isLess(b, a))), "bool"),
  GreaterOrEqual: broadcasting((a, b) => flag(not(isLess(a, b))), "bool"),
  And: broadcasting(logical((a, b) => a && b), "bool"), Or: broadcasting(logical((a, b) => a || b), "bool"), Xor: broadcasting(logical((a, b) => a !== b), "bool"),
  Cast: cast, CastLike: cast, Where: where,
  Bernoulli: same, RandomNormalLike: same, RandomUniformLike: same,
  Dropout: (node) => [like(node.inputs[0]), { dtype: "bool", shape: node.inputs[0]?.shape }],
  "com.microsoft:Gelu": same, "com.microsoft:FastGelu": same, "com.microsoft:QuickGelu": same, "com.microsoft:BiasGelu": same,
};
