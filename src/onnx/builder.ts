import { type DType, type FloatTensor, type Shape, type Tensor, ModlinguaError, float32, int64, tensor } from "../base/index.js";
import { type Attributes, Graph, type Node, type Value } from "./graph.js";
import { inferNode } from "./shapeInference.js";
import { onnxTypes } from "./types.js";

/** A value, or a number that stands for a scalar float32 constant. */
export type Operand = Value | number;

/**
 * Writes nodes into a graph. Every node gets its output types and shapes at once, so that a reader of
 * the graph (a gradient rule, a printer) can rely on them. Constants are shared by content.
 */
export class GraphBuilder {
  private readonly shared = new Map<string, Value>();

  constructor(readonly graph: Graph, readonly prefix = "") {}

  /** A builder on the same graph whose new names start with `name/`. */
  within(name: string): GraphBuilder {
    return new GraphBuilder(this.graph, `${this.prefix}${name}/`);
  }

  /** One node with one output. */
  op(op: string, inputs: readonly (Operand | undefined)[], attributes: Attributes = {}, domain = ""): Value {
    return this.node(op, inputs, 1, attributes, domain).output(0);
  }

  /** One node with `outputs` outputs. */
  node(op: string, inputs: readonly (Operand | undefined)[], outputs: number, attributes: Attributes = {}, domain = ""): Node {
    const names: string[] = [];
    for (let index = 0; index < outputs; index++) {
      const name = this.graph.freshName(`${this.prefix}${op}${index === 0 ? "" : `.${index}`}`);
      names.push(name);
      this.graph.addValue(name);
    }
    const node = this.graph.addNode(op, inputs.map((input) => (typeof input === "number" ? this.scalar(input) : input)), names, attributes, domain);
    inferNode(node);
    return node;
  }

  /** A graph input, e.g. a parameter that is fed with every run. */
  input(name: string, dtype: DType, shape: Shape): Value {
    return this.graph.addInput(this.graph.freshName(name), dtype, shape);
  }

  constant(value: Tensor): Value {
    const key = value.data.length <= 16 ? `${value.dtype}[${value.dims.join()}]${value.data.join()}` : undefined;
    const known = key === undefined ? undefined : this.shared.get(key);
    if (known !== undefined) return known;
    const made = this.graph.addConstant(this.graph.freshName(`${this.prefix}constant`), { inline: value });
    if (key !== undefined) this.shared.set(key, made);
    return made;
  }

  scalar(value: number): Value {
    return this.constant(float32([], [value]));
  }

  floats(dims: readonly number[], values: readonly number[] | Float32Array): Value {
    return this.constant(float32(dims, values) satisfies FloatTensor);
  }

  /** A one-dimensional int64 constant: axes, shapes, starts. */
  ints(values: readonly number[]): Value {
    return this.constant(int64([values.length], values));
  }

  /** A scalar int64 constant. */
  int(value: number): Value {
    return this.constant(int64([], [value]));
  }

  bool(value: boolean): Value {
    return this.constant(tensor("bool", [], Uint8Array.of(value ? 1 : 0)));
  }

  add(a: Operand, b: Operand): Value { return this.op("Add", [a, b]); }
  sub(a: Operand, b: Operand): Value { return this.op("Sub", [a, b]); }
  mul(a: Operand, b: Operand): Value { return this.op("Mul", [a, b]); }
  div(a: Operand, b: Operand): Value { return this.op("Div", [a, b]); }
  pow(a: Operand, b: Operand): Value { return this.op("Pow", [a, b]); }
  neg(a: Operand): Value { return this.op("Neg", [a]); }
  exp(a: Operand): Value { return this.op("Exp", [a]); }
  log(a: Operand): Value { return this.op("Log", [a]); }
  sqrt(a: Operand): Value { return this.op("Sqrt", [a]); }
  tanh(a: Operand): Value { return this.op("Tanh", [a]); }
  sigmoid(a: Operand): Value { return this.op("Sigmoid", [a]); }
  relu(a: Operand): Value { return this.op("Relu", [a]); }
  erf(a: Operand): Value { return this.op("Erf", [a]); }
  equal(a: Operand, b: Operand): Value { return this.op("Equal", [a, b]); }
  greater(a: Operand, b: Operand): Value { return this.op("Greater", [a, b]); }
  where(condition: Value, a: Operand, b: Operand): Value { return this.op("Where", [condition, a, b]); }
  matMul(a: Value, b: Value): Value { return this.op("MatMul", [a, b]); }
  softmax(a: Value, axis = -1): Value { return this.op("Softmax", [a], { axis }); }
  cast(a: Value, to: Tensor["dtype"]): Value { return a.dtype === to ? a : this.op("Cast", [a], { to: onnxTypes[to] }); }
  shape(a: Value): Value { return this.op("Shape", [a]); }
  reshape(a: Value, shape: Value | readonly number[]): Value { return this.op("Reshape", [a, isValue(shape) ? shape : this.ints(shape)]); }
  expand(a: Value, shape: Value): Value { return this.op("Expand", [a, shape]); }
  concat(values: readonly Value[], axis: number): Value { return values.length === 1 ? values[0]! : this.op("Concat", values, { axis }); }
  gather(data: Value, indices: Value, axis = 0): Value { return this.op("Gather", [data, indices], { axis }); }
  unsqueeze(a: Value, axes: readonly number[]): Value { return this.op("Unsqueeze", [a, this.ints(axes)]); }
  squeeze(a: Value, axes: readonly number[]): Value { return this.op("Squeeze", [a, this.ints(axes)]); }

  /** Sum over `axes` (all of them by default); no node where the list is empty. */
  sum(a: Value, axes?: readonly number[], keepDims = false): Value {
    if (axes?.length === 0) return a;
    return this.op("ReduceSum", [a, axes === undefined ? undefined : this.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  }

  mean(a: Value, axes?: readonly number[], keepDims = false): Value {
    return this.op("ReduceMean", [a, axes === undefined ? undefined : this.ints(axes)], { keepdims: keepDims ? 1 : 0 });
  }

  /** Swaps axes; undoes an earlier transpose instead of writing a second one. */
  transpose(a: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, index) => axis === index)) return a;
    const before = a.producer?.op === "Transpose" ? a.producer.numbers("perm") : undefined;
    if (before !== undefined) return this.transpose(a.producer!.input(0), permutation.map((axis) => before[axis]!));
    return this.op("Transpose", [a], { perm: permutation });
  }

  /** The last two axes swapped. */
  transposeLast(a: Value): Value {
    const rank = rankOf(a);
    const permutation = Array.from({ length: rank }, (_, axis) => axis);
    [permutation[rank - 2], permutation[rank - 1]] = [rank - 1, rank - 2];
    return this.transpose(a, permutation);
  }

  /** `alpha · a' b' + beta · c` on matrices, where ' is an optional transposition. */
  gemm(a: Value, b: Value, c?: Value, { transA = 0, transB = 0, alpha = 1, beta = 1 } = {}): Value {
    return this.op("Gemm", c === undefined ? [a, b] : [a, b, c], { transA, transB, alpha: { float: alpha }, beta: { float: beta } });
  }

  /** Part of one axis: `[start, end)`, negative numbers counted from its end. */
  slice(a: Value, axis: number, start: number, end: number, step = 1): Value {
    return this.op("Slice", [a, this.ints([start]), this.ints([end]), this.ints([axis]), this.ints([step])]);
  }

  split(a: Value, axis: number, sizes: readonly number[]): Value[] {
    return this.node("Split", [a, this.ints(sizes)], sizes.length, { axis }).outputs;
  }

  /** Layer normalisation over the last axis; `mean` and `invStdDev` are what its gradient reads. */
  layerNorm(a: Value, scale: Value, bias: Value | undefined, epsilon: number): Value {
    return this.op("LayerNormalization", bias === undefined ? [a, scale] : [a, scale, bias], { axis: -1, epsilon: { float: epsilon } });
  }
}

function isValue(candidate: Value | readonly number[]): candidate is Value {
  return !Array.isArray(candidate);
}

/** The rank of a value whose shape must be known by now. */
export function rankOf(value: Value): number {
  return shapeOf(value).length;
}

/** The shape of a value; throws where inference could not find it. */
export function shapeOf(value: Value): Shape {
  if (value.shape === undefined) {
    throw new ModlinguaError("graph", `the shape of ${JSON.stringify(value.name)} is not known (made by ${value.producer?.op ?? "nothing"})`,
      { remedy: "run shape inference before, or add a rule for that operator" });
  }
  return value.shape;
}
