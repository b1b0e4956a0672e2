import type { Dim, Shape } from "../../base/index.js";
import type { Node, Value } from "../graph.js";
import { addDims, divideDims, multiplyDims, productOfDims, subtractDims } from "./dims.js";
import {
  type InferenceRule, type InferenceRules, type Inferred, axesOf, axisOf, broadcastShapes, complete, contradiction, integersOf, longestTracked, numbersOf, sameDim, shown, unknownDim, unknownShape,
} from "./rule.js";

const transpose: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const order = node.numbers("perm") ?? shape?.map((_, axis) => axis).reverse();
  if (shape !== undefined && order!.length !== shape.length) throw contradiction(node, `permutation [${order!.join(", ")}] does not fit ${shown(shape)}`);
  return { dtype, shape: shape && order!.map((axis) => shape[axis]!), integers: shape?.length === 1 ? integersOf(node.inputs[0]) : undefined };
};

const reshape: InferenceRule = (node) => {
  const input = node.input(0);
  const target = integersOf(node.inputs[1]) ?? node.numbers("shape");
  const rank = node.inputs[1]?.shape?.[0];
  if (target === undefined) return { dtype: input.dtype, shape: typeof rank === "number" ? unknownShape(node, rank) : undefined };
  const shape = reshaped(node, input.shape, target);
  return { dtype: input.dtype, shape, integers: shape !== undefined && shape.length <= 1 ? integersOf(input) : undefined };
};

function reshaped(node: Node, from: Shape | undefined, target: readonly Dim[]): Shape | undefined {
  const copies = node.number("allowzero", 0) === 0;
  const wanted = target.map((dim, axis) => (dim === 0 && copies ? from?.[axis] : dim));
  const open = wanted.indexOf(-1);
  const unknown = wanted.some((dim) => dim === undefined) || (open >= 0 && from === undefined);
  if (unknown) return wanted.map((dim, axis) => (dim === undefined || dim === -1 ? unknownDim(node, axis) : dim));
  const shape = wanted as Dim[];
  if (from === undefined) return shape;
  const rest = productOfDims(shape.filter((_, axis) => axis !== open));
  const total = productOfDims(from);
  if (isImpossible(total, rest, open >= 0)) throw contradiction(node, `${shown(from)} cannot take the shape ${shown(target)}`);
  return shape.map((dim, axis) => (axis === open ? quotientOf(from, shape.filter((_, other) => other !== open)) : dim));
}

function isImpossible(total: Dim, rest: Dim, open: boolean): boolean {
  if (typeof total !== "number" || typeof rest !== "number") return false;
  return open ? rest !== 0 && total % rest !== 0 : total !== rest;
}

/** Dimensions that occur on both sides cancel first, so that names which are no polynomials leave no trace. */
function quotientOf(from: readonly Dim[], known: readonly Dim[]): Dim {
  const left = [...from];
  const divisors = known.filter((dim) => {
    const at = left.indexOf(dim);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return divideDims(productOfDims(left), productOfDims(divisors));
}

const flatten: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const axis = node.number("axis", 1);
  const split = shape && (axis < 0 ? axis + shape.length : axis);
  return { dtype, shape: shape && [productOfDims(shape.slice(0, split)), productOfDims(shape.slice(split))] };
};

const squeeze: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const axes = axesOf(node);
  if (shape === undefined || axes === null) return { dtype };
  const dropped = new Set(axes?.map((axis) => axisOf(node, axis, shape.length)) ?? [...shape.keys()].filter((axis) => shape[axis] === 1));
  for (const axis of dropped) if (typeof shape[axis] === "number" && shape[axis] !== 1) throw contradiction(node, `axis ${axis} of ${shown(shape)} is not 1`);
  return { dtype, shape: shape.filter((_, axis) => !dropped.has(axis)), integers: integersOf(node.inputs[0]) };
};

const unsqueeze: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const axes = axesOf(node);
  if (shape === undefined || axes === null || axes === undefined) return { dtype };
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(node, axis, rank)));
  const rest = [...shape];
  return { dtype, shape: Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!)), integers: rank === 1 ? integersOf(node.inputs[0]) : undefined };
};

const expand: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const target = integersOf(node.inputs[1]);
  const rank = node.inputs[1]?.shape?.[0];
  if (target !== undefined) {
    const result = broadcastShapes(node, [shape, target]);
    return { dtype, shape: result, integers: repeated(node.inputs[0], result) };
  }
  return { dtype, shape: shape !== undefined && typeof rank === "number" ? unknownShape(node, Math.max(rank, shape.length)) : undefined };
};

function repeated(value: Value | undefined, shape: Shape | undefined): readonly Dim[] | undefined {
  const elements = integersOf(value);
  if (elements === undefined || shape === undefined || shape.length > 1) return undefined;
  const size = shape[0] ?? 1;
  if (elements.length === size) return elements;
  return elements.length === 1 && typeof size === "number" && size <= longestTracked ? Array.from({ length: size }, () => elements[0]!) : undefined;
}

const concat: InferenceRule = (node) => {
  const shapes = node.inputs.map((input) => input?.shape);
  const dtype = node.inputs[0]?.dtype;
  const first = shapes[0];
  if (first === undefined || shapes.some((shape) => shape === undefined)) return { dtype };
  const axis = axisOf(node, node.number("axis", 0), first.length);
  const shape = (shapes as Shape[]).slice(1).reduce((joined, next) => {
    if (next.length !== joined.length) throw contradiction(node, `shapes ${shown(joined)} and ${shown(next)} differ in rank`);
    return joined.map((dim, index) => (index === axis ? addDims(dim, next[index]!) : sameDim(node, `sizes of axis ${index}`, dim, next[index]!)));
  }, first);
  return { dtype, shape, integers: first.length === 1 ? complete(node.inputs.flatMap<Dim | undefined>((input) => integersOf(input) ?? [undefined])) : undefined };
};

const split: InferenceRule = (node): readonly Inferred[] => {
  const { dtype, shape } = node.input(0);
  if (shape === undefined) return node.outputs.map(() => ({ dtype }));
  const axis = axisOf(node, node.number("axis", 0), shape.length);
  const sizes = splitSizes(node, shape[axis]!);
  const elements = shape.length === 1 ? integersOf(node.inputs[0]) : undefined;
  let start = 0;
  return node.outputs.map((_, index) => {
    const size = sizes?.[index] ?? unknownDim(node, axis, index);
    const part = elements && typeof size === "number" ? elements.slice(start, start + size) : undefined;
    start += typeof size === "number" ? size : NaN;
    return { dtype, shape: shape.map((dim, at) => (at === axis ? size : dim)), integers: part };
  });
};

/** Given sizes, or equal parts of which the last may be smaller (`num_outputs`). */
function splitSizes(node: Node, dim: Dim): readonly Dim[] | undefined {
  const parts = node.outputs.length;
  const given = node.numbers("split") ?? integersOf(node.inputs[1]);
  if (given !== undefined) {
    const total = given.reduce<Dim>(addDims, 0);
    if (typeof total === "number" && typeof dim === "number" && total !== dim) throw contradiction(node, `parts ${shown(given)} do not add up to ${dim}`);
    return given;
  }
  if (node.inputs[1] !== undefined) return undefined;
  if (typeof dim !== "number") return Array.from({ length: parts }, () => divideDims(dim, parts));
  const size = Math.ceil(dim / parts);
  return Array.from({ length: parts }, (_, index) => Math.min(size, dim - index * size));
}

const tile: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const repeats = integersOf(node.inputs[1]);
  return { dtype, shape: shape && (repeats ? shape.map((dim, axis) => multiplyDims(dim, repeats[axis] ?? 1)) : unknownShape(node, shape.length)) };
};

const pad: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const pads = node.numbers("pads") ?? integersOf(node.inputs[1]);
  if (shape === undefined) return { dtype };
  if (pads === undefined) return { dtype, shape: unknownShape(node, shape.length) };
  const axes = (numbersOf(node.inputs[3]) ?? [...shape.keys()]).map((axis) => axisOf(node, axis, shape.length));
  const result = [...shape];
  axes.forEach((axis, index) => {
    result[axis] = addDims(result[axis]!, addDims(pads[index] ?? 0, pads[index + axes.length] ?? 0));
  });
  return { dtype, shape: result };
};

/** Channels become blocks of rows and columns. */
const depthToSpace: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const block = node.number("blocksize", 1);
  if (shape?.length !== 4) return { dtype };
  const [batch, channels, height, width] = shape as [Dim, Dim, Dim, Dim];
  return { dtype, shape: [batch, divideDims(channels, block * block), multiplyDims(height, block), multiplyDims(width, block)] };
};

export const layoutRules: InferenceRules = {
  Transpose: transpose, Reshape: reshape, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze, Expand: expand, Concat: concat, Split: split, Tile: tile, Pad: pad,
  DepthToSpace: depthToSpace,
  Size: (node) => ({ dtype: "int64", shape: [], integers: node.inputs[0]?.shape && [productOfDims(node.inputs[0].shape)] }),
  Shape: (node) => {
    const shape = node.inputs[0]?.shape;
    const part = shape?.slice(node.number("start", 0), node.attributes.has("end") ? node.number("end", 0) : undefined);
    return { dtype: "int64", shape: part && [part.length], integers: part };
  },
  Range: (node) => {
    const [start, limit, step] = node.inputs.map((input) => integersOf(input)?.[0]);
    const dtype = node.inputs[0]?.dtype;
    if (start === undefined || limit === undefined || step === undefined) return { dtype, shape: unknownShape(node, 1) };
    const span = subtractDims(limit, start);
    if (typeof step !== "number" || step === 0) return { dtype, shape: unknownShape(node, 1) };
    const size = typeof span === "number" ? Math.max(0, Math.ceil(span / step)) : step > 0 ? divideDims(addDims(span, step - 1), step) : divideDims(multiplyDims(-1, span), -step);
    const listed = typeof size === "number" && size <= longestTracked ? Array.from({ length: size }, (_, index) => addDims(start, index * step)) : undefined;
    return { dtype, shape: [size], integers: listed };
  },
};
