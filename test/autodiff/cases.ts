import { readFileSync } from "node:fs";
import type { Tensors } from "#src/autodiff/index.js";
import { type Shape, type Tensor, bytesPerElement, float32, int64, randomStream, tensor } from "#src/base/index.js";
import { type Attribute, type Attributes, Graph, GraphBuilder, type Value } from "#src/onnx/index.js";

/** One operator with its inputs. A `wanted` input is differentiated; the others are constants or plain inputs. */
export interface Case {
  readonly name: string;
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Attributes;
  readonly inputs: readonly (Operand | undefined)[];
  readonly outputs?: number;
}

export interface Operand {
  readonly value: Tensor;
  readonly wanted: boolean;
}

/** The same with what torch says. */
export interface Oracle extends Case {
  readonly cotangents: readonly (Tensor | undefined)[];
  readonly gradients: readonly (Tensor | undefined)[];
}

/**
 * How much of the shapes the graph tells: all sizes; equal sizes of a case by one name; every size by a name of its own,
 * with those inputs fed that a file could also hold as constants.
 */
export const knowledge = ["sizes", "shared names", "nothing but ranks"] as const;
export type Knowledge = (typeof knowledge)[number];

/** A case written into a graph. */
export interface Placed {
  readonly wanted: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A graph that holds every case beside the others, and what feeds it. */
export function placeCases(cases: readonly Case[], known: Knowledge): { graph: Graph; placed: Placed[]; feeds: Tensors } {
  const graph = new Graph("cases");
  graph.opset.set("com.microsoft", 1);
  const feeds: Record<string, Tensor> = {};
  const placed = cases.map((one, index) => {
    const b = new GraphBuilder(graph, `${index}/`);
    const values = one.inputs.map((operand, position) => operand && place(b, one, operand, position, known, feeds));
    const node = b.node(one.op, values, one.outputs ?? 1, one.attributes, one.domain);
    return { wanted: values.filter((_, position) => one.inputs[position]?.wanted) as Value[], outputs: node.outputs };
  });
  return { graph, placed, feeds };
}

function place(b: GraphBuilder, one: Case, { value, wanted }: Operand, position: number, known: Knowledge, feeds: Record<string, Tensor>): Value {
  const fixed = !wanted && (known !== "nothing but ranks" || holdsAxes(one.op, position));
  if (fixed) return b.graph.addConstant(b.graph.freshName(`${b.prefix}x${position}`), { inline: value });
  const name = `${b.prefix}x${position}`;
  const input = b.input(name, value.dtype, wanted ? shown(value.dims, squeezesOnes(one) ? "shared names" : known, name) : value.dims);
  feeds[input.name] = value;
  return input;
}

function shown(dims: readonly number[], known: Knowledge, name: string): Shape {
  if (known === "sizes") return dims;
  if (known === "shared names") return dims.map((dim) => (dim === 1 ? 1 : `${name.split("/")[0]}_size${dim}`));
  return dims.map((_, axis) => `${name}_${axis}`);
}

/** Without axes, the ones are part of what Squeeze is. */
function squeezesOnes({ op, inputs }: Case): boolean {
  return op === "Squeeze" && inputs[1] === undefined;
}

/** Axes are part of what an operator is: rules need to know them. */
function holdsAxes(op: string, position: number): boolean {
  return (position === 1 && (op.startsWith("Reduce") || op === "Squeeze" || op === "Unsqueeze" || op === "CumSum")) || (position === 3 && (op === "Slice" || op === "Pad"));
}

interface StoredTensor { dims: number[]; dtype: Tensor["dtype"]; data: number[] }
interface StoredCase { name: string; op: string; attributes: Record<string, unknown>; inputs: (StoredTensor | null)[]; cotangents: (StoredTensor | null)[]; outputs: StoredTensor[]; gradients: (StoredTensor | null)[] }

/** The cases that torch computed (test/oracle/write_ops.py). */
export function oracleCases(): Oracle[] {
  const { cases } = JSON.parse(readFileSync("test/fixtures/ops.json", "utf8")) as { cases: StoredCase[] };
  return cases.map(({ name, op, attributes, inputs, cotangents, outputs, gradients }) => ({
    name,
    op,
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(key, value)])),
    inputs: inputs.map((input, index) => (input === null ? undefined : { value: restored(input), wanted: (gradients[index] ?? null) !== null })),
    outputs: outputs.length,
    cotangents: cotangents.map((stored) => stored ?? undefined).map((stored) => stored && restored(stored)),
    gradients: gradients.map((stored) => stored ?? undefined).map((stored) => stored && restored(stored)),
  }));
}

function attributeOf(key: string, value: unknown): Attribute {
  return ["alpha", "beta", "gamma", "epsilon"].includes(key) ? { float: value as number } : (value as Attribute);
}

function restored({ dtype, dims, data }: StoredTensor): Tensor {
  if (dtype === "float32") return float32(dims, data);
  if (dtype === "int64") return int64(dims, data);
  if (bytesPerElement[dtype] !== 1) throw new Error(`a fixture holds ${dtype}`);
  return tensor(dtype, dims, Uint8Array.from(data, Number));
}

/** What our own cases are made of: numbers at least 0.3 away from each kink, or all at least 0.3 apart. */
const stream = randomStream(7, "gradient cases");
const size = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

export function near(dims: readonly number[], { low = -2, high = 2, kinks = [] as readonly number[] } = {}): Operand {
  const draw = (): number => {
    for (;;) {
      const number = low + (high - low) * stream.uniform();
      if (kinks.every((kink) => Math.abs(number - kink) > 0.3)) return number;
    }
  };
  return { value: float32(dims, Array.from({ length: size(dims) }, draw)), wanted: true };
}

export function apart(dims: readonly number[], offset = 0): Operand {
  const count = size(dims);
  return { value: float32(dims, stream.shuffle(Array.from({ length: count }, (_, index) => (index - Math.floor(count / 2)) * 0.6 + offset))), wanted: true };
}

export const fixedInts = (dims: readonly number[], values: readonly number[]): Operand => ({ value: int64(dims, values), wanted: false });
export const fixed = (value: Tensor): Operand => ({ value, wanted: false });

const unaryShapes = [[], [3], [2, 3], [2, 1, 3]] as const;
const pairs = [[[2, 3], [2, 3]], [[2, 3], [3]], [[2, 3], []], [[2, 1], [1, 3]], [[3], [2, 3]], [[2, 1, 3], [4, 1]], [[], []]] as const;

type Make = (dims: readonly number[]) => Operand;
const anywhere: Make = (dims) => near(dims);
const positive: Make = (dims) => near(dims, { low: 0.7, high: 2 });
const around = (...kinks: number[]): Make => (dims) => near(dims, { low: -4, high: 4, kinks });

const unary = (op: string, make: Make = anywhere, attributes: Attributes = {}, domain = ""): Case[] =>
  unaryShapes.map((dims) => ({ name: `${op} [${dims.join()}]`, op, domain, attributes, inputs: [make(dims)] }));
const binary = (op: string, left: Make = anywhere, right: Make = anywhere): Case[] =>
  pairs.map(([a, c]) => ({ name: `${op} [${a.join()}] [${c.join()}]`, op, inputs: [left(a), right(c)] }));
const one = (op: string, inputs: readonly (Operand | undefined)[], attributes: Attributes = {}, outputs = 1, domain = ""): Case =>
  ({ name: [op, ...inputs.map((operand) => `[${operand?.value.dims.join() ?? ""}]`), JSON.stringify(attributes)].join(" "), op, domain, attributes, inputs, outputs });
const float = (number: number): { float: number } => ({ float: number });

function reductions(op: string, make: Make = anywhere): Case[] {
  return [0, 1].flatMap((keepdims) => [
    one(op, [make([2, 3])], { keepdims }),
    one(op, [make([2, 3, 2]), fixedInts([1], [1])], { keepdims }),
    one(op, [make([2, 3, 2]), fixedInts([2], [-1, 0])], { keepdims }),
    one(op, [make([3])], { keepdims }),
  ]);
}

const cast = [one("Cast", [near([2, 3])], { to: 1 })];
const mask = (dims: readonly number[]): Operand => fixed(tensor("bool", dims, Uint8Array.from({ length: size(dims) }, (_, index) => index % 2)));

/** For every operator with a rule, points where it is smooth. */
export const differenceCases: readonly Case[] = [
  ...["Add", "Sub", "Mul", "Sum", "Mean"].flatMap((op) => binary(op)),
  one("Sum", [near([2, 3]), near([3]), near([])]),
  one("Mean", [near([2, 3]), near([1, 3]), near([])]),
  ...binary("Div", anywhere, positive),
  ...binary("Pow", positive),
  ...[2, 3, 0.5, -1].map((power) => one("Pow", [positive([2, 3]), fixed(float32([], [power]))])),
  one("Pow", [near([2, 3]), fixedInts([], [2])]),
  ...["Neg", "Exp", "Identity", "Sin", "Cos", "Atan", "Tanh", "Sigmoid", "Erf", "Gelu", "Softplus", "Mish"].flatMap((op) => unary(op)),
  ...unary("Gelu", anywhere, { approximate: "tanh" }),
  ...["Log", "Sqrt", "Reciprocal"].flatMap((op) => unary(op, positive)),
  ...unary("Tan", (dims) => near(dims, { low: -1, high: 1 })),
  ...["Abs", "Sign", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Softsign"].flatMap((op) => unary(op, around(0))),
  ...unary("LeakyRelu", around(0), { alpha: float(0.3) }),
  ...unary("Elu", around(0), { alpha: float(0.5) }),
  ...unary("Celu", around(0), { alpha: float(2) }),
  ...unary("ThresholdedRelu", around(1.5), { alpha: float(1.5) }),
  ...unary("HardSigmoid", around(-2.5, 2.5)),
  ...unary("HardSigmoid", around(-2, 2), { alpha: float(0.25) }),
  ...unary("HardSwish", around(-3, 3)),
  ...["Floor", "Ceil"].flatMap((op) => unary(op, around(-4, -3, -2, -1, 0, 1, 2, 3, 4))),
  ...unary("Round", around(-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5)),
  ...unary("QuickGelu", anywhere, {}, "com.microsoft"),
  ...unary("QuickGelu", anywhere, { alpha: float(0.7) }, "com.microsoft"),
  ...unary("Gelu", anywhere, {}, "com.microsoft"),
  ...unary("FastGelu", anywhere, {}, "com.microsoft").filter(({ inputs }) => inputs[0]!.value.dims.length > 0),
  one("FastGelu", [near([2, 3]), near([3])], {}, 1, "com.microsoft"),
  one("BiasGelu", [near([2, 3]), near([3])], {}, 1, "com.microsoft"),
  one("PRelu", [around(0)([2, 3]), near([3])]),
  one("PRelu", [around(0)([2, 3]), near([1])]),
  ...cast,
  one("CastLike", [near([2, 3]), fixed(float32([], [1]))]),
  one("Dropout", [near([2, 3])]),
  one("Dropout", [near([2, 3]), fixed(float32([], [0.3])), fixed(tensor("bool", [], Uint8Array.of(0)))]),
  ...["Max", "Min"].flatMap((op) => [
    one(op, [apart([2, 3]), apart([2, 3], 0.2)]), one(op, [apart([2, 3]), apart([3], 0.2)]), one(op, [apart([2, 1]), apart([3], 0.2), apart([], 0.4)]), one(op, [near([2])]),
  ]),
  one("Clip", [around(-1, 1)([2, 3]), { value: float32([], [-1]), wanted: true }, { value: float32([], [1]), wanted: true }]),
  one("Clip", [around(0)([2, 3]), fixed(float32([], [0]))]),
  one("Clip", [around(1)([2, 3]), undefined, fixed(float32([], [1]))]),
  one("Where", [mask([2, 3]), near([2, 3]), near([2, 3])]),
  one("Where", [mask([3]), near([2, 1]), near([])]),
  one("Where", [mask([2, 3]), near([3]), fixed(float32([], [-1e4]))]),

  one("MatMul", [near([2, 3]), near([3, 4])]), one("MatMul", [near([3]), near([3, 4])]), one("MatMul", [near([2, 3]), near([3])]),
  one("MatMul", [near([3]), near([3])]), one("MatMul", [near([2, 2, 3]), near([3, 4])]), one("MatMul", [near([2, 1, 2, 3]), near([3, 3, 2])]),
  one("MatMul", [near([2, 3]), near([2, 3, 4])]), one("MatMul", [near([3]), near([2, 3, 4])]), one("MatMul", [near([2, 2, 3]), near([3])]),
  ...[0, 1].flatMap((transA) => [0, 1].flatMap((transB) => [[4], [1, 4], [2, 4], [2, 1], []].map((bias) =>
    one("Gemm", [near(transA ? [3, 2] : [2, 3]), near(transB ? [4, 3] : [3, 4]), near(bias)], { transA, transB, alpha: float(0.5), beta: float(2) })))),
  one("Gemm", [near([2, 3]), near([3, 4])]),
  ...[0, 1].flatMap((transA) => [0, 1].flatMap((transB) => [
    one("FusedMatMul", [near(transA ? [2, 3, 2] : [2, 2, 3]), near(transB ? [4, 3] : [3, 4])], { transA, transB, alpha: float(0.5) }, 1, "com.microsoft"),
    one("FusedMatMul", [near(transA ? [2, 3, 2] : [2, 2, 3]), near(transB ? [2, 4, 3] : [2, 3, 4])], { transA, transB }, 1, "com.microsoft"),
  ])),
  ...([["ij,jk->ik", [2, 3], [3, 4]], ["bhid,bhjd->bhij", [2, 2, 3, 2], [2, 2, 4, 2]], ["...ij,jk->...ik", [2, 2, 3], [3, 2]], ["ij,jk", [2, 3], [3, 4]], ["ij,j->", [2, 3], [3]], ["i,j->ij", [2], [3]]] as const)
    .map(([equation, a, c]) => one("Einsum", [near(a), near(c)], { equation })),
  one("Einsum", [near([2, 3])], { equation: "ij->j" }), one("Einsum", [near([2, 3])], { equation: "ij->ji" }), one("Einsum", [near([2]), near([3]), near([4])], { equation: "a,b,c->ca" }),

  ...["Softmax", "LogSoftmax"].flatMap((op) => [one(op, [near([3])]), one(op, [near([2, 3])]), one(op, [near([2, 3, 2])], { axis: 1 }), one(op, [near([2, 3, 2])], { axis: 0 })]),
  one("LayerNormalization", [near([2, 4]), near([4]), near([4])], { axis: -1 }),
  one("LayerNormalization", [near([2, 3, 4]), near([4]), near([4])], { axis: -1, epsilon: float(0.1) }),
  one("LayerNormalization", [near([2, 3, 4]), near([4])], { axis: 2 }),
  one("LayerNormalization", [near([2, 3, 2]), near([3, 2]), near([3, 2])], { axis: 1 }),

  ...["ReduceSum", "ReduceMean", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"].flatMap((op) => reductions(op)),
  ...["ReduceMax", "ReduceMin"].flatMap((op) => reductions(op, apart)),
  ...reductions("ReduceL1", around(0)),
  ...reductions("ReduceLogSum", positive),
  one("ReduceSum", [near([2, 3])], { noop_with_empty_axes: 1 }),
  ...[0, 1].flatMap((exclusive) => [0, 1].flatMap((reverse) => [one("CumSum", [near([2, 3]), fixedInts([], [1])], { exclusive, reverse }), one("CumSum", [near([2, 3]), fixedInts([], [-2])], { exclusive, reverse })])),

  one("Transpose", [near([2, 3])]), one("Transpose", [near([2, 3, 4])], { perm: [1, 2, 0] }),
  one("Reshape", [near([2, 3]), fixedInts([1], [-1])]), one("Reshape", [near([2, 3, 4]), fixedInts([3], [0, 4, -1])]), one("Reshape", [near([2, 3, 4]), fixedInts([4], [0, 0, 2, 2])]),
  one("Flatten", [near([2, 3, 2])], { axis: 1 }), one("Flatten", [near([2, 3])], { axis: 0 }),
  one("Squeeze", [near([2, 1, 3]), fixedInts([1], [1])]), one("Squeeze", [near([1, 2, 1]), fixedInts([2], [0, -1])]), one("Squeeze", [near([2, 1, 3]), undefined]),
  one("Unsqueeze", [near([2, 3]), fixedInts([1], [1])]), one("Unsqueeze", [near([3]), fixedInts([2], [-1, 0])]), one("Unsqueeze", [near([]), fixedInts([1], [0])]),
  one("Expand", [near([2, 1]), fixedInts([2], [2, 3])]), one("Expand", [near([3]), fixedInts([3], [2, 2, 1])]), one("Expand", [near([]), fixedInts([1], [3])]),
  one("Tile", [near([2, 3]), fixedInts([2], [2, 1])]), one("Tile", [near([2, 1]), fixedInts([2], [1, 3])]), one("Tile", [near([3]), fixedInts([1], [2])]),
  one("Concat", [near([2, 3]), near([2, 1])], { axis: 1 }), one("Concat", [near([2, 3]), fixed(float32([1, 3])), near([3, 3])], { axis: -2 }), one("Concat", [near([3])], { axis: 0 }),
  one("Split", [near([2, 4]), fixedInts([2], [1, 3])], { axis: 1 }, 2), one("Split", [near([4, 2])], { axis: 0, num_outputs: 2 }, 2), one("Split", [near([2, 6]), fixedInts([3], [2, 2, 2])], { axis: -1 }, 3),
  one("Slice", [near([5, 3]), fixedInts([1], [1]), fixedInts([1], [4]), fixedInts([1], [0])]),
  one("Slice", [near([5, 3]), fixedInts([2], [-3, 0]), fixedInts([2], [100, -1])]),
  one("Slice", [near([2, 5]), fixedInts([1], [-1]), fixedInts([1], [-1000]), fixedInts([1], [1]), fixedInts([1], [-1])]),
  one("Slice", [near([5, 6]), fixedInts([2], [0, 5]), fixedInts([2], [5, 0]), fixedInts([2], [0, -1]), fixedInts([2], [2, -2])]),
  one("Slice", [near([2, 4]), fixedInts([1], [2]), fixedInts([1], [4]), fixedInts([1], [-1]), fixedInts([1], [1])]),
  one("Pad", [near([2, 3]), fixedInts([4], [1, 0, 0, 2])]), one("Pad", [near([2, 4]), fixedInts([4], [0, -1, 1, -1])]), one("Pad", [near([2, 3]), fixedInts([2], [1, 2]), undefined, fixedInts([1], [1])]),
  ...["reflect", "edge", "wrap"].flatMap((mode) => [one("Pad", [near([2, 3]), fixedInts([4], [1, 2, 0, 1])], { mode }), one("Pad", [near([2, 3]), fixedInts([2], [2, 1]), undefined, fixedInts([1], [-1])], { mode })]),
  one("Gather", [near([4, 2]), fixedInts([3], [0, 2, 2])]), one("Gather", [near([4, 2]), fixedInts([2, 2], [0, -1, 3, 3])]), one("Gather", [near([2, 4, 3]), fixedInts([], [0])], { axis: 1 }),
  one("Gather", [near([2, 4, 3]), fixedInts([1], [-1])], { axis: 1 }), one("Gather", [near([2, 4]), fixedInts([3], [1, 1, 3])], { axis: -1 }), one("Gather", [near([2, 4, 3]), fixedInts([2, 2], [0, 1, 1, 3])], { axis: 1 }),
  one("Gather", [near([4]), fixedInts([], [2])]), one("Gather", [near([4, 2]), fixedInts([1, 1], [1])]),
  one("GatherElements", [near([3, 3]), fixedInts([2, 3], [0, 1, 2, 0, 0, 2])]), one("GatherElements", [near([2, 3]), fixedInts([2, 2], [0, 0, 2, -2])], { axis: 1 }),
  one("GatherND", [near([2, 3]), fixedInts([3, 2], [0, 1, 1, 2, 0, 1])]), one("GatherND", [near([3, 2]), fixedInts([2, 1], [2, 2])]), one("GatherND", [near([2, 3, 2]), fixedInts([2, 1], [1, 2])], { batch_dims: 1 }),
  ...["none", "add"].flatMap((reduction) => [
    one("ScatterElements", [near([3, 3]), fixedInts([2, 3], [1, 0, 2, 0, 2, 1]), near([2, 3])], { reduction, axis: 0 }),
    one("ScatterElements", [near([2, 3]), fixedInts([2, 1], [1, -1]), near([2, 1])], { reduction, axis: 1 }),
    one("ScatterND", [near([4, 2]), fixedInts([2, 1], [3, 1]), near([2, 2])], { reduction }),
    one("ScatterND", [near([2, 3]), fixedInts([2, 2], [0, 1, 1, 2]), near([2])], { reduction }),
  ]),
  one("Trilu", [near([2, 3, 3])], { upper: 0 }), one("Trilu", [near([3, 4]), fixedInts([], [1])], { upper: 1 }),
];
