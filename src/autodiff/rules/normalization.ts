import { type GraphBuilder, type Node, type Value, rankOf } from "../../onnx/index.js";
import { extraOutput } from "../extraOutput.js";
import { type Vjp, unary } from "../rule.js";
import { axisOf, positiveAxis, range } from "../shapes.js";

/** dx = y ⊙ (dy − Σ dy ⊙ y) along the axis. */
export const Softmax: Vjp = unary((b, dy, _x, y, node) => {
  const inner = b.sum(b.mul(dy, y), [axisOf(node, -1)], true);
  return b.mul(b.sub(dy, inner), y);
});

/**
 * dx = dy − eʸ Σ dy along the axis. Under a cross entropy, dy is zero but for one label a row, which GatherElements
 * picked: then dx = −eʸ Σ dy with the picked entries added, and the zeros of a whole vocabulary are never made.
 */
export const LogSoftmax: Vjp = unary((b, dy, _x, y, node) => {
  const axis = axisOf(node, -1);
  const picked = scatteredAlong(dy, axis);
  if (picked === undefined) return b.sub(dy, b.mul(b.exp(y), b.sum(dy, [axis], true)));
  const others = b.mul(b.exp(y), b.neg(b.sum(picked.updates, [axis], true)));
  return b.op("ScatterElements", [others, picked.indices, picked.updates], { axis, reduction: "add" });
});

/** What was added to zeros along `axis` to make `dy`, where that is how it was made and the other axes were picked whole. */
function scatteredAlong(dy: Value, axis: number): { indices: Value; updates: Value } | undefined {
  const { producer } = dy;
  if (producer?.op !== "ScatterElements" || producer.text("reduction", "none") !== "add" || producer.number("axis", 0) !== axis) return undefined;
  const [indices, updates] = [producer.input(1), producer.input(2)];
  const wholeElsewhere = updates.shape?.every((dim, other) => other === axis || dim === dy.shape?.[other]) ?? false;
  return producer.input(0).producer?.op === "ConstantOfShape" && wholeElsewhere ? { indices, updates } : undefined;
}

/** μ and r = 1/σ are outputs that the forward kernel computes anyway; x̂ = r (x − μ) is formed for the scale only. */
export const LayerNormalization: Vjp = (b, node, [dy], [wantsX, wantsScale, wantsBias]) => {
  const axes = normalizedAxes(node);
  const { mean, invStdDev } = statistics(b, node, axes);
  const [x, scale] = [node.input(0), node.input(1)];
  const dx = (): Value => throughStatistics(b, x, b.mul(dy!, scale), mean, invStdDev, axes);
  const dScale = (): Value => b.mul(dy!, b.mul(b.sub(x, mean), invStdDev));
  return [wantsX ? dx() : undefined, wantsScale ? dScale() : undefined, wantsBias ? dy : undefined];
};

/**
 * r (g − mean g − x̂ mean(g ⊙ x̂)) for g = γ ⊙ dy (Ba, Kiros & Hinton 2016), arranged as PyTorch's kernel does:
 * r g − s x + t with one s = r³ (mean(g ⊙ x) − μ mean g) and one t = s μ − r mean g a row, so that five passes do.
 */
function throughStatistics(b: GraphBuilder, x: Value, g: Value, mean: Value, r: Value, axes: readonly number[]): Value {
  const meanG = b.mean(g, axes, true);
  const covariance = b.sub(b.mean(b.mul(g, x), axes, true), b.mul(mean, meanG));
  const s = b.mul(covariance, b.mul(r, b.mul(r, r)));
  const t = b.sub(b.mul(s, mean), b.mul(r, meanG));
  return b.add(b.sub(b.mul(g, r), b.mul(x, s)), t);
}

function normalizedAxes(node: Node): number[] {
  const rank = rankOf(node.input(0));
  const first = positiveAxis(node.number("axis", -1), rank);
  return range(rank - first, first);
}

function statistics(b: GraphBuilder, node: Node, axes: readonly number[]): { mean: Value; invStdDev: Value } {
  const shape = node.input(0).shape!.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return { mean: extraOutput(b, node, 1, "float32", shape), invStdDev: extraOutput(b, node, 2, "float32", shape) };
}
