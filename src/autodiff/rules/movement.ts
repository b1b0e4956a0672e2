import { type GraphBuilder, type Node, type Value, rankOf } from "../../onnx/index.js";
import { type Vjp, notDifferentiable, perInput, unary } from "../rule.js";
import { type Extent, axisOf, axesOf, constantInts, extent, inversePermutation, knownSizes, minus, plus, positiveAxis, range, reshapeLike, shapeVector, vector, zerosLike } from "../shapes.js";

export const Transpose: Vjp = unary((b, dy, x, _y, node) => b.transpose(dy, inversePermutation(node.numbers("perm") ?? range(rankOf(x)).reverse())));

const reshaped: Vjp = unary((b, dy, x) => reshapeLike(b, dy, x));
export const Reshape: Vjp = reshaped;
export const Flatten: Vjp = reshaped;
export const Squeeze: Vjp = unary((b, dy, x, _y, node) => {
  const axes = axesOf(node);
  return axes === undefined ? reshapeLike(b, dy, x) : b.unsqueeze(dy, axes.map((axis) => positiveAxis(axis, rankOf(x))));
});
export const Unsqueeze: Vjp = unary((b, dy, _x, y, node) => b.squeeze(dy, axesOf(node)!.map((axis) => positiveAxis(axis, rankOf(y)))));

/** Summed back by the engine. */
export const Expand: Vjp = unary((_b, dy) => dy);

/** dy as [repeats₀, size₀, repeats₁, size₁, …], summed over the repeats. */
export const Tile: Vjp = unary((b, dy, x, _y, node) => {
  const rank = rankOf(x);
  const pairs = b.concat([b.unsqueeze(node.input(1), [1]), b.unsqueeze(shapeVector(b, x), [1])], 1);
  return b.sum(b.reshape(dy, b.reshape(pairs, [-1])), range(rank).map((axis) => 2 * axis));
});

/** One Split where every part is wanted or the sizes are known only at run time, else a Slice for each wanted part. */
export const Concat: Vjp = (b, node, [dy], wanted) => {
  const axis = axisOf(node, 0);
  const sizes = node.inputs.map((value) => extent(b, value!, axis));
  const known = knownSizes(sizes);
  if (wanted.every(Boolean) || known === undefined) return pick(b.node("Split", [dy!, vector(b, sizes)], sizes.length, { axis }).outputs, wanted);
  let start = 0;
  return known.map((size, index) => {
    const from = start;
    start += size;
    return wanted[index] ? b.slice(dy!, axis, from, from + size) : undefined;
  });
};

function pick(values: readonly Value[], wanted: readonly boolean[]): (Value | undefined)[] {
  return values.map((value, index) => (wanted[index] ? value : undefined));
}

/** Parts that nobody used count as zeros. */
export const Split: Vjp = (b, node, cotangents) => {
  const parts = node.outputs.map((output, index) => cotangents[index] ?? zerosLike(b, output));
  return [b.concat(parts, axisOf(node, 0))];
};

/** Zeros around what was kept; for steps other than one, each element back to where it was taken from. */
export const Slice: Vjp = unary((b, dy, x, y, node) => {
  const starts = node.input(1);
  const axes = node.inputs[3] === undefined ? range(countOf(node, starts)) : axesOf(node, 3)!.map((axis) => positiveAxis(axis, rankOf(x)));
  const steps = node.inputs[4];
  const contiguous = steps === undefined || (constantInts(steps)?.every((step) => step === 1) ?? false);
  return contiguous ? padAround(b, dy, x, y, new Map(axes.map((axis, index) => [axis, begin(b, x, axis, starts, index)]))) : scatterSlices(b, dy, x, node, axes);
});

function countOf(node: Node, starts: Value): number {
  const count = starts.shape?.[0];
  if (typeof count !== "number") throw notDifferentiable(node, "where neither the axes nor their number are known");
  return count;
}

/** The first kept element of an axis, with negative starts counted from the end and clamped into the axis. */
function begin(b: GraphBuilder, x: Value, axis: number, starts: Value, index: number): Extent {
  const start = constantInts(starts)?.[index];
  const dim = x.shape?.[axis];
  if (start !== undefined && start >= 0) return typeof dim === "number" ? Math.min(start, dim) : start;
  if (start !== undefined && typeof dim === "number") return Math.max(start + dim, 0);
  const size = vector(b, [extent(b, x, axis)]);
  const raw = start === undefined ? b.op("Slice", [starts, b.ints([index]), b.ints([index + 1])]) : b.ints([start]);
  const fromFront = b.where(b.op("Less", [raw, b.ints([0])]), b.add(raw, size), raw);
  return b.op("Max", [b.op("Min", [fromFront, size]), b.ints([0])]);
}

/** dy in the middle of zeros in the shape of x: `begins` says how many come before it on each sliced axis. */
function padAround(b: GraphBuilder, dy: Value, x: Value, y: Value, begins: ReadonlyMap<number, Extent>): Value {
  const before = range(rankOf(x)).map((axis) => begins.get(axis) ?? 0);
  const after = before.map((start, axis) => (begins.has(axis) ? minus(b, minus(b, extent(b, x, axis), extent(b, y, axis)), start) : 0));
  if ([...before, ...after].every((pad) => pad === 0)) return dy;
  return b.op("Pad", [dy, vector(b, [...before, ...after])]);
}

/** One axis after the other, the last sliced one first. */
function scatterSlices(b: GraphBuilder, dy: Value, x: Value, node: Node, axes: readonly number[]): Value {
  return axes.reduceRight((gradient, axis, index) => {
    const part = (input: Value | undefined): Value | undefined => input && b.op("Slice", [input, b.ints([index]), b.ints([index + 1])]);
    const size = extent(b, x, axis);
    const positions = b.op("Slice", [positionsUpTo(b, size), part(node.input(1)), part(node.input(2)), b.ints([0]), part(node.inputs[4])]);
    return scatterAlong(b, gradient, axis, positions, size);
  }, dy);
}

/** 0, 1, …, size − 1. */
function positionsUpTo(b: GraphBuilder, size: Extent): Value {
  const end = typeof size === "number" ? b.int(size) : b.squeeze(size, [0]);
  return b.op("Range", [b.int(0), end, b.int(1)]);
}

/**
 * Zeros of `size` along `axis`, with the parts of `values` added at `positions` (one-dimensional) of it.
 *
 * onnxruntime's ScatterElements takes 30 ns an element in one thread, and its ScatterND adds from several threads at
 * once and loses sums where positions repeat. So only row numbers are scattered: each place learns which part goes
 * there and fetches it. Parts that another one displaced, where positions repeat, are then added the slow way.
 */
function scatterAlong(b: GraphBuilder, values: Value, axis: number, positions: Value, size: Extent): Value {
  const count = extent(b, values, axis);
  const numbers = positionsUpTo(b, count);
  const nobody = b.expand(vector(b, [count]), vector(b, [size]));
  const guest = b.op("ScatterElements", [nobody, positions, numbers], { axis: 0 });
  const placed = b.gather(padEnd(b, values, axis), guest, axis);
  const displaced = b.squeeze(b.op("NonZero", [b.op("Not", [b.equal(b.gather(guest, positions), numbers)])]), [0]);
  return addAlong(b, placed, axis, b.gather(positions, displaced), b.gather(values, displaced, axis));
}

/** One part of zeros after the last. */
function padEnd(b: GraphBuilder, values: Value, axis: number): Value {
  const rank = rankOf(values);
  return b.op("Pad", [values, b.ints(range(2 * rank).map((index) => (index === rank + axis ? 1 : 0)))]);
}

function addAlong(b: GraphBuilder, base: Value, axis: number, positions: Value, values: Value): Value {
  const column = b.reshape(positions, range(rankOf(values)).map((other) => (other === axis ? -1 : 1)));
  return b.op("ScatterElements", [base, b.expand(column, b.shape(values)), values], { axis, reduction: "add" });
}

/** A negative pad cuts, so the opposite pads undo it; what reflection and its like copied is added up where it came from. */
export const Pad: Vjp = unary((b, dy, x, _y, node) => {
  const pads = node.input(1);
  if (node.text("mode", "constant") !== "constant") return scatterPads(b, dy, x, node, pads);
  const known = constantInts(pads);
  const axes = node.inputs[3];
  const opposite = known === undefined ? b.neg(pads) : b.ints(known.map((pad) => -pad));
  return b.op("Pad", axes === undefined ? [dy, opposite] : [dy, opposite, undefined, axes]);
});

/** Padding the positions as the values were padded tells where each value came from. */
function scatterPads(b: GraphBuilder, dy: Value, x: Value, node: Node, pads: Value): Value {
  const axes = node.inputs[3] === undefined ? range(rankOf(x)) : axesOf(node, 3)!.map((axis) => positiveAxis(axis, rankOf(x)));
  const amount = (index: number): Value => b.op("Slice", [pads, b.ints([index]), b.ints([index + 1])]);
  return axes.reduceRight((gradient, axis, index) => {
    const size = extent(b, x, axis);
    const both = b.concat([amount(index), amount(index + axes.length)], 0);
    const positions = b.op("Pad", [positionsUpTo(b, size), both], { mode: node.text("mode", "") });
    return scatterAlong(b, gradient, axis, positions, size);
  }, dy);
}

/** One known position: zeros around it. Otherwise rows are added up where they were taken from. */
export const Gather: Vjp = unary((b, dy, x, _y, node) => {
  const axis = axisOf(node, 0);
  const indices = node.input(1);
  const known = constantInts(indices);
  return known?.length === 1 ? onePosition(b, dy, x, axis, known[0]!, indices) : scatterRows(b, dy, x, axis, indices);
});

function onePosition(b: GraphBuilder, dy: Value, x: Value, axis: number, position: number, indices: Value): Value {
  const extraAxes = rankOf(indices) - 1;
  const aligned = extraAxes < 0 ? b.unsqueeze(dy, [axis]) : extraAxes === 0 ? dy : b.squeeze(dy, range(extraAxes, axis));
  const size = extent(b, x, axis);
  const before = position >= 0 ? position : plus(b, size, position);
  const after = minus(b, minus(b, size, before), 1);
  const pads = [before, after].map((pad) => range(rankOf(x)).map((other) => (other === axis ? pad : 0)));
  return b.op("Pad", [aligned, vector(b, pads.flat())]);
}

/** The axes of the indices become one, then each of its rows goes home. */
function scatterRows(b: GraphBuilder, dy: Value, x: Value, axis: number, indices: Value): Value {
  const target = range(rankOf(x)).map((other) => (other === axis ? -1 : extent(b, x, other)));
  const rows = rankOf(indices) === 1 ? dy : b.reshape(dy, vector(b, target));
  const size = extent(b, x, axis);
  const flat = rankOf(indices) === 1 ? indices : b.reshape(indices, [-1]);
  return scatterAlong(b, rows, axis, b.cast(flat, "int64"), size);
}

export const GatherElements: Vjp = unary((b, dy, x, _y, node) =>
  b.op("ScatterElements", [zerosLike(b, x), node.input(1), dy], { axis: axisOf(node, 0), reduction: "add" }));

/** Every gathered part is a row of x seen as a matrix; the rows are added up where they were taken from. */
export const GatherND: Vjp = unary((b, dy, x, _y, node) => {
  const indices = wholeIndices(b, node);
  const depth = indices.shape?.at(-1);
  if (typeof depth !== "number") throw notDifferentiable(node, "where the length of its index tuples is not known");
  const sizes = range(depth).map((axis) => vector(b, [extent(b, x, axis)]));
  const rowCount = sizes.reduce((product, size) => b.mul(product, size));
  const rest = b.op("Slice", [shapeVector(b, x), b.ints([depth]), b.ints([rankOf(x)])]);
  const rows = b.reshape(dy, b.concat([b.ints([-1]), b.op("ReduceProd", [rest], { keepdims: 1 })], 0));
  return b.reshape(scatterAlong(b, rows, 0, rowNumbers(b, indices, sizes), rowCount), shapeVector(b, x));
});

/** Index tuples [..., depth] as one number each: Horner's scheme over the sizes, negative indices counted from the end. */
function rowNumbers(b: GraphBuilder, indices: Value, sizes: readonly Value[]): Value {
  const digits = sizes.map((size, axis) => {
    const digit = b.reshape(b.slice(indices, -1, axis, axis + 1), [-1]);
    return b.where(b.op("Less", [digit, b.ints([0])]), b.add(digit, size), digit);
  });
  return digits.reduce((number, digit, axis) => b.add(b.mul(number, sizes[axis]!), digit));
}

/** The indices with the coordinates of the batch axes, which GatherND leaves out, put before them. */
function wholeIndices(b: GraphBuilder, node: Node): Value {
  const indices = node.input(1);
  const rank = rankOf(indices);
  const places = [...range(rank - 1).map((axis) => extent(b, indices, axis)), 1];
  const coordinates = range(node.number("batch_dims", 0)).map((axis) => {
    const positions = b.reshape(positionsUpTo(b, extent(b, indices, axis)), range(rank).map((other) => (other === axis ? -1 : 1)));
    return b.expand(positions, vector(b, places));
  });
  return b.concat([...coordinates, indices], -1);
}

/** What was overwritten gets nothing; what was written gets what lies where it went. */
export const ScatterElements: Vjp = perInput(
  (b, dy, node) => (adds(node) ? dy : b.op("ScatterElements", [dy, node.input(1), zerosLike(b, node.input(2))], { axis: axisOf(node, 0) })),
  () => undefined,
  (b, dy, node) => b.op("GatherElements", [dy, node.input(1)], { axis: (adds(node), axisOf(node, 0)) }),
);
export const ScatterND: Vjp = perInput(
  (b, dy, node) => (adds(node) ? dy : b.op("ScatterND", [dy, node.input(1), zerosLike(b, node.input(2))])),
  () => undefined,
  (b, dy, node) => (adds(node), b.op("GatherND", [dy, node.input(1)])),
);

/** Whether a scatter adds (true) or overwrites (false); other reductions are refused. */
function adds(node: Node): boolean {
  const mode = node.text("reduction", "none");
  if (mode !== "none" && mode !== "add") throw notDifferentiable(node, `with reduction "${mode}"`);
  return mode === "add";
}

export const Trilu: Vjp = unary((b, dy, _x, _y, node) => b.op("Trilu", [dy, node.inputs[1]], { upper: node.number("upper", 1) }));
