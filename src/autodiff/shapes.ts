import { ModlinguaError, type Dim, integers } from "../base/index.js";
import { type GraphBuilder, type Node, type Value, rankOf } from "../onnx/index.js";

/** The size of an axis: a number, or a one-element int64 vector computed at run time. */
export type Extent = number | Value;

/** The size of one axis of `value`. */
export function extent(b: GraphBuilder, value: Value, axis: number): Extent {
  const dim = value.shape?.[axis];
  return typeof dim === "number" ? dim : sizeInInputs(b, dim) ?? sizeOfAxis(b, value, axis);
}

/**
 * The size that a symbolic dimension has in a graph input, if one has it. Asking an activation for its shape in the
 * backward pass would keep it in memory until then.
 */
function sizeInInputs(b: GraphBuilder, dim: Dim | undefined): Value | undefined {
  for (const input of b.graph.inputs) {
    const axis = dim === undefined ? -1 : (input.shape ?? []).indexOf(dim);
    if (axis >= 0) return sizeOfAxis(b, input, axis);
  }
  return undefined;
}

function sizeOfAxis(b: GraphBuilder, value: Value, axis: number): Value {
  const known = value.users.find((node) => node.op === "Shape" && node.number("start", 0) === axis && node.number("end", -1) === axis + 1);
  return known?.output() ?? b.op("Shape", [value], { start: axis, end: axis + 1 });
}

export function minus(b: GraphBuilder, left: Extent, right: Extent): Extent {
  if (right === 0) return left;
  return typeof left === "number" && typeof right === "number" ? left - right : b.sub(extentVector(b, left), extentVector(b, right));
}

export function plus(b: GraphBuilder, left: Extent, right: Extent): Extent {
  return typeof left === "number" && typeof right === "number" ? left + right : b.add(extentVector(b, left), extentVector(b, right));
}

/** One int64 vector out of extents; a constant where all are known. */
export function vector(b: GraphBuilder, extents: readonly Extent[]): Value {
  const known = knownSizes(extents);
  if (known !== undefined) return b.ints(known);
  return b.concat(extents.map((item) => extentVector(b, item)), 0);
}

function extentVector(b: GraphBuilder, item: Extent): Value {
  return typeof item === "number" ? b.ints([item]) : item;
}

/** The sizes as numbers, where every one of them is known now. */
export function knownSizes(sizes: readonly (Dim | Extent)[]): number[] | undefined {
  return sizes.every((size) => typeof size === "number") ? (sizes as number[]) : undefined;
}

/** The shape of `value` as an int64 vector: a constant where it is fully known, put together from graph inputs where they have its dimensions. */
export function shapeVector(b: GraphBuilder, value: Value): Value {
  const sizes = value.shape?.map((dim) => (typeof dim === "number" ? dim : sizeInInputs(b, dim)));
  return sizes?.every((size) => size !== undefined) ? vector(b, sizes) : b.shape(value);
}

/** Zeros in the shape of `value`. */
export function zerosLike(b: GraphBuilder, value: Value): Value {
  return zeros(b, shapeVector(b, value));
}

export function zeros(b: GraphBuilder, shape: Value): Value {
  return b.op("ConstantOfShape", [shape]);
}

/**
 * `a` with the elements of `like` in the shape of `like`. A constant target is written where the shape
 * has at most one axis that is neither known nor the same as that axis of `a` (0 and −1 in the language of Reshape).
 */
export function reshapeLike(b: GraphBuilder, a: Value, like: Value): Value {
  if (like.shape === undefined) return b.reshape(a, b.shape(like));
  if (sameShape(a.shape, like.shape)) return a;
  const target = like.shape.map((dim, axis) => (typeof dim === "number" ? dim : a.shape?.[axis] === dim ? 0 : -1));
  const zeroIsASize = like.shape.includes(0);
  return zeroIsASize || target.filter((dim) => dim === -1).length > 1 ? b.reshape(a, shapeVector(b, like)) : b.reshape(a, target);
}

export function sameShape(a: readonly Dim[] | undefined, c: readonly Dim[] | undefined): boolean {
  return a !== undefined && c !== undefined && a.length === c.length && a.every((dim, axis) => dim === c[axis]);
}

/** An axis counted from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The attribute `axis` of a node, counted from the front of its first input. */
export function axisOf(node: Node, fallback: number): number {
  const axis = node.number("axis", fallback);
  return axis < 0 ? axis + rankOf(node.input(0)) : axis;
}

/** The integers of a constant value; undefined where it is computed at run time. */
export function constantInts(value: Value | undefined): number[] | undefined {
  return value?.tensor === undefined ? undefined : integers(value.tensor);
}

/** The attribute or input `axes` of a node as constants; undefined where there is none. Refuses axes computed at run time. */
export function axesOf(node: Node, inputIndex = 1): number[] | undefined {
  const attribute = node.numbers("axes");
  if (attribute !== undefined) return [...attribute];
  const input = node.inputs[inputIndex];
  if (input === undefined) return undefined;
  const axes = constantInts(input);
  if (axes === undefined) throw new ModlinguaError("graph", `the axes of ${node.op} are computed at run time (${JSON.stringify(input.name)})`, { place: `node ${node.name}`, remedy: "fold constants before asking for gradients" });
  return axes;
}

/** [0, n) as numbers. */
export function range(n: number, from = 0): number[] {
  return Array.from({ length: n }, (_, index) => from + index);
}

/** The permutation that undoes another. */
export function inversePermutation(permutation: readonly number[]): number[] {
  const inverse = new Array<number>(permutation.length);
  permutation.forEach((axis, index) => (inverse[axis] = index));
  return inverse;
}
