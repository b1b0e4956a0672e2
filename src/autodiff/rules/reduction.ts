import { sizeOf } from "../../base/index.js";
import { type GraphBuilder, type Node, type Value, rankOf } from "../../onnx/index.js";
import { type Vjp, unary } from "../rule.js";
import { axesOf, knownSizes, positiveAxis, range, shapeVector } from "../shapes.js";

/** The axes that a reduction sums over, counted from the front. */
function reducedAxes(node: Node): number[] {
  const rank = rankOf(node.input(0));
  const axes = axesOf(node) ?? [];
  if (axes.length === 0) return node.number("noop_with_empty_axes", 0) ? [] : range(rank);
  return axes.map((axis) => positiveAxis(axis, rank)).sort((a, c) => a - c);
}

/** A reduced value with the reduced axes put back as ones; a scalar needs none to broadcast. */
function kept(b: GraphBuilder, value: Value, node: Node): Value {
  const axes = reducedAxes(node);
  const alreadyBroadcasts = node.number("keepdims", 1) !== 0 || axes.length === 0 || value.shape?.length === 0;
  return alreadyBroadcasts ? value : b.unsqueeze(value, axes);
}

/** A rule for a reduction; `slope` gets dy and y with the reduced axes kept, and may answer in any shape that broadcasts to x. */
function reduction(slope: (b: GraphBuilder, dy: Value, x: Value, y: Value, node: Node) => Value): Vjp {
  return unary((b, dy, x, y, node) => slope(b, kept(b, dy, node), x, kept(b, y, node), node));
}

export const ReduceSum: Vjp = unary((b, dy, x, _y, node) => b.expand(kept(b, dy, node), shapeVector(b, x)));

export const ReduceMean: Vjp = unary((b, dy, x, y, node) => {
  const share = b.mul(kept(b, dy, node), perOutput(b, x, y, node));
  return b.expand(share, shapeVector(b, x));
});

/** 1 / n, where n elements were reduced into one. */
function perOutput(b: GraphBuilder, x: Value, y: Value, node: Node): Value {
  const sizes = knownSizes(reducedAxes(node).map((axis) => x.shape![axis]!));
  if (sizes !== undefined) return b.scalar(1 / sizeOf(sizes));
  const size = (value: Value): Value => b.cast(b.op("Size", [value]), "float32");
  return b.div(size(y), size(x));
}

/** Equal candidates share the gradient, as in PyTorch's amax. */
const extremum: Vjp = reduction((b, dy, x, y, node) => {
  const chosen = b.cast(b.equal(x, y), "float32");
  return b.mul(chosen, b.div(dy, b.sum(chosen, reducedAxes(node), true)));
});
export const ReduceMax: Vjp = extremum;
export const ReduceMin: Vjp = extremum;

export const ReduceL1: Vjp = reduction((b, dy, x) => b.mul(b.op("Sign", [x]), dy));
/** x / ‖x‖, and zero at the origin. */
export const ReduceL2: Vjp = reduction((b, dy, x, y) => {
  const positive = b.greater(y, 0);
  return b.mul(x, b.where(positive, b.div(dy, b.where(positive, y, 1)), 0));
});
export const ReduceSumSquare: Vjp = reduction((b, dy, x) => b.mul(x, b.mul(dy, 2)));
export const ReduceLogSum: Vjp = reduction((b, dy, x, y) => b.expand(b.mul(dy, b.exp(b.neg(y))), shapeVector(b, x)));
export const ReduceLogSumExp: Vjp = reduction((b, dy, x, y) => b.mul(dy, b.exp(b.sub(x, y))));

/** The sum of what lies at or before becomes the sum of what lies at or after. */
export const CumSum: Vjp = unary((b, dy, _x, _y, node) =>
  b.op("CumSum", [dy, node.input(1)], { exclusive: node.number("exclusive", 0), reverse: 1 - node.number("reverse", 0) }));
