import type { Dim, Shape } from "../../base/index.js";
import type { Node } from "../graph.js";
import { addDims, divideDims, isLess, isNonNegative, smallerDim, subtractDims } from "./dims.js";
import { type InferenceRule, type InferenceRules, axisOf, contradiction, integersOf, like, numbersOf, shown, unknownDim } from "./rule.js";

const gather: InferenceRule = (node) => {
  const [data, indices] = [node.input(0), node.input(1)];
  if (data.shape === undefined || indices.shape === undefined) return { dtype: data.dtype };
  const axis = axisOf(node, node.number("axis", 0), data.shape.length);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  return { dtype: data.dtype, shape, integers: data.shape.length === 1 && shape.length <= 1 ? picked(node) : undefined };
};

function picked(node: Node): readonly Dim[] | undefined {
  const elements = integersOf(node.inputs[0]);
  const indices = numbersOf(node.inputs[1]);
  if (elements === undefined || indices === undefined) return undefined;
  return indices.map((index) => {
    const element = elements.at(index);
    if (element === undefined) throw contradiction(node, `index ${index} is outside the ${elements.length} elements of ${JSON.stringify(node.input(0).name)}`);
    return element;
  });
}

const gatherND: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const indices = node.inputs[1]?.shape;
  const depth = indices?.at(-1);
  if (shape === undefined || indices === undefined || typeof depth !== "number") return { dtype };
  return { dtype, shape: [...indices.slice(0, -1), ...shape.slice(node.number("batch_dims", 0) + depth)] };
};

interface Range {
  readonly axis: number;
  readonly start: Dim | undefined;
  readonly end: Dim | undefined;
  readonly step: number | undefined;
}

/** The ranges of a Slice, given as attributes before opset 10 and as inputs since. */
function slicedRanges(node: Node, shape: Shape): readonly Range[] | undefined {
  const part = (name: string, index: number): readonly Dim[] | undefined => node.numbers(name) ?? integersOf(node.inputs[index]);
  const starts = part("starts", 1);
  const count = starts?.length ?? node.inputs[1]?.shape?.[0];
  const axes = node.numbers("axes") ?? (node.inputs[3] === undefined ? undefined : numbersOf(node.inputs[3]) ?? null);
  if (axes === null || typeof count !== "number") return undefined;
  const ends = part("ends", 2);
  const steps = node.inputs[4] === undefined ? starts?.map(() => 1) ?? Array.from({ length: count }, () => 1) : numbersOf(node.inputs[4]);
  return Array.from({ length: count }, (_, index) => ({
    axis: axisOf(node, axes?.[index] ?? index, shape.length), start: starts?.[index], end: ends?.[index], step: steps?.[index],
  }));
}

const slice: InferenceRule = (node) => {
  const { dtype, shape } = node.input(0);
  const ranges = shape && slicedRanges(node, shape);
  if (shape === undefined || ranges === undefined) return { dtype, shape: shape?.map((_, axis) => unknownDim(node, axis)) };
  const result = [...shape];
  for (const range of ranges) result[range.axis] = lengthOf(range, shape[range.axis]!) ?? unknownDim(node, range.axis);
  return { dtype, shape: result, integers: shape.length === 1 ? slicedIntegers(node, ranges[0]!) : undefined };
};

/** Past this, an end means "to the end": exporters write the largest int32 or int64. */
const farEnd = 2 ** 31 - 1;

/** The length of a slice. Named ends are taken to lie inside the axis, as they do in what exporters write. */
function lengthOf({ start, end, step }: Range, dim: Dim): Dim | undefined {
  if (start === undefined || end === undefined || step === undefined || step === 0) return undefined;
  if (step < 0) return wholeReversed(start, end, dim) ? dim : typeof dim === "number" && typeof start === "number" && typeof end === "number" ? reversedLength(start, end, step, dim) : undefined;
  const first = position(start, dim);
  const last = position(end, dim);
  const span = subtractDims(last, first);
  if (typeof span === "number" && span <= 0) return 0;
  return step === 1 ? span : divideDims(addDims(span, step - 1), step);
}

function position(index: Dim, dim: Dim): Dim {
  if (typeof index === "string") return isNonNegative(index) || !index.startsWith("-") ? index : addDims(dim, index);
  if (index < 0) return typeof dim === "number" ? Math.max(0, dim + index) : index <= -farEnd ? 0 : addDims(dim, index);
  if (index >= farEnd) return dim;
  // Index 1 is inside every axis: sizes are at least 1.
  return isLess(dim, index) === false ? index : smallerDim(index, dim);
}

function wholeReversed(start: Dim, end: Dim, dim: Dim): boolean {
  const fromLast = start === -1 || (typeof start === "number" && start >= farEnd) || (typeof dim === "number" && start === dim - 1);
  return fromLast && typeof end === "number" && (end <= -farEnd || (typeof dim === "number" && end < -dim));
}

function reversedLength(start: number, end: number, step: number, dim: number): number {
  const first = Math.min(dim - 1, start < 0 ? start + dim : start);
  const last = Math.max(-1, end < 0 ? end + dim : end);
  return Math.max(0, Math.ceil((last - first) / step));
}

function slicedIntegers(node: Node, { start, end, step }: Range): readonly Dim[] | undefined {
  const elements = integersOf(node.inputs[0]);
  if (elements === undefined || typeof start !== "number" || typeof end !== "number") return undefined;
  if (step === 1) return elements.slice(start, end);
  return step === -1 && wholeReversed(start, end, elements.length) ? [...elements].reverse() : undefined;
}

const scatter: InferenceRule = (node) => like(node.inputs[0]);

export const indexingRules: InferenceRules = {
  Gather: gather, GatherND: gatherND, Slice: slice,
  GatherElements: (node) => {
    const [data, indices] = [node.input(0), node.input(1)];
    if (data.shape !== undefined && indices.shape !== undefined && data.shape.length !== indices.shape.length) {
      throw contradiction(node, `data ${shown(data.shape)} and indices ${shown(indices.shape)} differ in rank`);
    }
    return { dtype: data.dtype, shape: indices.shape };
  },
  ScatterElements: scatter, ScatterND: scatter, Scatter: scatter,
  Compress: (node) => {
    const { dtype, shape } = node.input(0);
    if (!node.attributes.has("axis")) return { dtype, shape: [unknownDim(node, 0)] };
    const along = shape && axisOf(node, node.number("axis", 0), shape.length);
    return { dtype, shape: shape?.map((dim, axis) => (axis === along ? unknownDim(node, axis) : dim)) };
  },
};
