import { type GraphBuilder, type Node, type Value, rankOf } from "../../onnx/index.js";
import { extraOutput } from "../extraOutput.js";
import { type Vjp, unary } from "../rule.js";
import { axisOf, positiveAxis, range } from "../shapes.js";

/** dx = y ⊙ (dy − Σ dy ⊙ y) along the axis. */
export const Softmax: Vjp = unary((b, dy, _x, y, node) => {
  const inner = b.sum(b.mul(dy, y), [axisOf(node, -1)], true);
  return b.mul(b.sub(dy, inner), y);
});

/** dx = dy − eʸ Σ dy along the axis. */
export const LogSoftmax: Vjp = unary((b, dy, _x, y, node) => b.sub(dy, b.mul(b.exp(y), b.sum(dy, [axisOf(node, -1)], true))));

/**
 * With x̂ = r (x − μ), r = 1/σ and g = γ ⊙ dy: dx = r (g − mean g − x̂ mean(g ⊙ x̂)) (Ba, Kiros & Hinton 2016).
 * μ and r are outputs that the forward kernel computes anyway; x̂ is not formed for dx, r² is applied to the row means.
 */
export const LayerNormalization: Vjp = (b, node, [dy], [wantsX, wantsScale, wantsBias]) => {
  const axes = normalizedAxes(node);
  const { mean, invStdDev } = statistics(b, node, axes);
  const centred = b.sub(node.input(0), mean);
  const dx = (): Value => {
    const scaled = b.mul(dy!, node.input(1));
    const along = b.mul(b.mean(b.mul(scaled, centred), axes, true), b.mul(invStdDev, invStdDev));
    const rest = b.sub(b.sub(scaled, b.mean(scaled, axes, true)), b.mul(centred, along));
    return b.mul(rest, invStdDev);
  };
  return [wantsX ? dx() : undefined, wantsScale ? b.mul(dy!, b.mul(centred, invStdDev)) : undefined, wantsBias ? dy : undefined];
};

function normalizedAxes(node: Node): number[] {
  const rank = rankOf(node.input(0));
  const first = positiveAxis(node.number("axis", -1), rank);
  return range(rank - first, first);
}

function statistics(b: GraphBuilder, node: Node, axes: readonly number[]): { mean: Value; invStdDev: Value } {
  const shape = node.input(0).shape!.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return { mean: extraOutput(b, node, 1, "float32", shape), invStdDev: extraOutput(b, node, 2, "float32", shape) };
}
