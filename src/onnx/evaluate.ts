import { type Tensor, bytesPerElement, sizeOf, tensor, tensorFromBytes } from "../base/index.js";
import type { Node } from "./graph.js";
import { numbersOf } from "./inference/rule.js";
import { tensorAttribute } from "./inference/generators.js";
import { dtypeOfOnnx } from "./types.js";

type Evaluator = (node: Node, inputs: readonly Tensor[], output: Output) => Tensor | undefined;

/** What shape inference knows of the result. */
interface Output {
  readonly dtype: Tensor["dtype"];
  readonly dims: readonly number[];
}

/**
 * The value of a node all of whose inputs are small constants, with the operators that occur in shape and scale
 * arithmetic; undefined for others. float32 results are correctly rounded, because the double result is rounded once.
 */
export function evaluate(node: Node, inputs: readonly Tensor[], output: Output): Tensor | undefined {
  const halves = [output.dtype, ...inputs.map(({ dtype }) => dtype)];
  if (halves.includes("float16") || halves.includes("bfloat16")) return undefined;
  return evaluators[node.op]?.(node, inputs, output);
}

/** A tensor of the given type filled element by element; integers must come out whole. */
function filled({ dtype, dims }: Output, element: (index: number) => number | bigint): Tensor {
  const result = tensorFromBytes(dtype, dims, new Uint8Array(bytesPerElement[dtype] * sizeOf(dims)));
  const wide = result.data instanceof BigInt64Array || result.data instanceof BigUint64Array;
  for (let index = 0; index < result.data.length; index++) {
    const value = element(index);
    if (wide) (result.data as BigInt64Array)[index] = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
    else (result.data as Float64Array)[index] = Number(value);
  }
  return result;
}

/** The position in an operand that broadcasts to `dims`, for every position of the result. */
function broadcastIndex(from: readonly number[], dims: readonly number[]): (index: number) => number {
  const strides = stridesOf(from).map((stride, axis) => (from[axis] === 1 ? 0 : stride));
  const offset = dims.length - from.length;
  return (index) => {
    let rest = index;
    let position = 0;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      position += (rest % dims[axis]!) * (strides[axis - offset] ?? 0);
      rest = Math.floor(rest / dims[axis]!);
    }
    return position;
  };
}

function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, axis) => sizeOf(dims.slice(axis + 1)));
}

function binary(operation: (a: number, b: number, whole: boolean) => number): Evaluator {
  return (_, [a, b], output) => {
    if (a === undefined || b === undefined) return undefined;
    const [left, right] = [broadcastIndex(a.dims, output.dims), broadcastIndex(b.dims, output.dims)];
    const whole = !a.dtype.startsWith("float");
    return exactly(filled(output, (index) => operation(Number(a.data[left(index)]), Number(b.data[right(index)]), whole)));
  };
}

/** Integers that a double cannot hold are left to the runtime. */
function exactly(result: Tensor): Tensor | undefined {
  if (result.dtype === "float32" || result.dtype === "float64") return result;
  return Array.from(result.data as ArrayLike<number | bigint>).every((value) => Number.isSafeInteger(Number(value))) ? result : undefined;
}

function unary(operation: (value: number) => number): Evaluator {
  return (_, [a], output) => a && filled(output, (index) => operation(Number(a.data[index])));
}

const retyped: Evaluator = (_, [a], output) => a && tensor(a.dtype, output.dims, a.data);

const cast: Evaluator = (node, [a], output) => {
  const dtype = dtypeOfOnnx(node.number("to", 0));
  if (a === undefined || dtype === undefined || dtype !== output.dtype) return undefined;
  if (dtype === "bool") return filled(output, (index) => (Number(a.data[index]) !== 0 ? 1 : 0));
  const wide = a.data[0];
  return filled(output, (index) => (typeof wide === "bigint" ? a.data[index]! : Number(a.data[index])));
};

const expand: Evaluator = (_, [a], output) => {
  if (a === undefined) return undefined;
  const position = broadcastIndex(a.dims, output.dims);
  return filled(output, (index) => a.data[position(index)]!);
};

const concat: Evaluator = (node, inputs, output) => {
  const axis = node.number("axis", 0);
  const at = axis < 0 ? axis + output.dims.length : axis;
  const inner = sizeOf(output.dims.slice(at + 1));
  const widths = inputs.map(({ dims }) => dims[at]! * inner);
  const row = widths.reduce((sum, width) => sum + width, 0);
  return filled(output, (index) => {
    let column = index % row;
    let part = 0;
    while (column >= widths[part]!) column -= widths[part++]!;
    return inputs[part]!.data[Math.floor(index / row) * widths[part]! + column]!;
  });
};

const gather: Evaluator = (node, [data, indices], output) => {
  if (data === undefined || indices === undefined) return undefined;
  const axis = node.number("axis", 0) < 0 ? node.number("axis", 0) + data.dims.length : node.number("axis", 0);
  const inner = sizeOf(data.dims.slice(axis + 1));
  const count = indices.data.length;
  return filled(output, (index) => {
    const outer = Math.floor(index / (count * inner));
    const picked = Number(indices.data[Math.floor(index / inner) % count]);
    return data.data[(outer * data.dims[axis]! + (picked < 0 ? picked + data.dims[axis]! : picked)) * inner + (index % inner)]!;
  });
};

const range: Evaluator = (node, _, output) => {
  const [start, , step] = node.inputs.map((value) => numbersOf(value)?.[0]);
  return start === undefined || step === undefined ? undefined : filled(output, (index) => start + index * step);
};

const where: Evaluator = (_, [condition, yes, no], output) => {
  if (condition === undefined || yes === undefined || no === undefined) return undefined;
  const at = broadcastIndex(condition.dims, output.dims);
  const left = broadcastIndex(yes.dims, output.dims);
  const right = broadcastIndex(no.dims, output.dims);
  return filled(output, (index) => (condition.data[at(index)] ? yes.data[left(index)]! : no.data[right(index)]!));
};

const evaluators: Readonly<Record<string, Evaluator>> = {
  Add: binary((a, b) => a + b), Sub: binary((a, b) => a - b), Mul: binary((a, b) => a * b),
  Div: binary((a, b, whole) => (whole ? Math.trunc(a / b) : a / b)), Pow: binary((a, b) => a ** b),
  Min: binary((a, b) => Math.min(a, b)), Max: binary((a, b) => Math.max(a, b)),
  Equal: binary((a, b) => Number(a === b)), Less: binary((a, b) => Number(a < b)), Greater: binary((a, b) => Number(a > b)),
  Sqrt: unary(Math.sqrt), Neg: unary((a) => -a), Reciprocal: unary((a) => 1 / a), Abs: unary(Math.abs), Not: unary((a) => 1 - a), Floor: unary(Math.floor), Ceil: unary(Math.ceil),
  Cast: cast, Reshape: retyped, Unsqueeze: retyped, Squeeze: retyped, Flatten: retyped, Identity: retyped,
  Expand: expand, Concat: concat, Gather: gather, Range: range, Where: where,
  ConstantOfShape: (node, _, output) => {
    const value = tensorAttribute(node, "value");
    return filled(output, () => value?.data[0] ?? 0);
  },
};
