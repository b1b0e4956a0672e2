import type { Shape } from "../base/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";
import { range } from "./shapes.js";

/**
 * Sums a cotangent over the axes along which `value` was broadcast, so that it has the shape of `value`.
 * Symbolic dimensions decide where they can: a dimension is equal to itself, and one that is written as
 * a number above 1 was never broadcast. Where they cannot, the axes are found at run time.
 */
export function unbroadcast(b: GraphBuilder, cotangent: Value, value: Value): Value {
  const axes = broadcastAxes(cotangent.shape, value.shape);
  if (axes === undefined) return unbroadcastAtRunTime(b, cotangent, value);
  if (axes.length === 0) return cotangent;
  const leading = cotangent.shape!.length - value.shape!.length;
  if (axes.length === leading) return b.sum(cotangent, axes);
  const summed = b.sum(cotangent, axes, true);
  return leading === 0 ? summed : b.squeeze(summed, range(leading));
}

/** The axes of `wide` along which `narrow` was repeated; undefined where the shapes leave it open. */
export function broadcastAxes(wide: Shape | undefined, narrow: Shape | undefined): number[] | undefined {
  if (narrow?.length === 0 && wide !== undefined) return range(wide.length);
  if (wide === undefined || narrow === undefined) return undefined;
  const leading = wide.length - narrow.length;
  const axes: number[] = [];
  for (const [axis, to] of wide.entries()) {
    const from = narrow[axis - leading];
    if (axis < leading || (from === 1 && to !== 1)) axes.push(axis);
    else if (typeof from === "string" && from !== to && to !== 1) return undefined;
  }
  return axes;
}

/** The same by shape arithmetic: sum where the shape of `value`, filled up with ones in front, differs from that of the cotangent. */
function unbroadcastAtRunTime(b: GraphBuilder, cotangent: Value, value: Value): Value {
  const wide = b.shape(cotangent);
  const narrow = b.shape(value);
  const missing = b.sub(b.shape(wide), b.shape(narrow));
  const ones = b.op("Expand", [b.ints([1]), missing]);
  const differs = b.op("Not", [b.equal(wide, b.concat([ones, narrow], 0))]);
  const axes = b.squeeze(b.op("NonZero", [differs]), [0]);
  const summed = b.op("ReduceSum", [cotangent, axes], { keepdims: 1, noop_with_empty_axes: 1 });
  return b.reshape(summed, narrow);
}
