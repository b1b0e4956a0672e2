import type { GraphBuilder, Value } from "../../onnx/index.js";
import { type Vjp, perInput, unary } from "../rule.js";

/** y is never negative; the steepest hard sigmoid is the step function, and ten times as fast as onnxruntime's Sign. */
export const Relu: Vjp = unary((b, dy, _x, y) => b.mul(dy, b.op("HardSigmoid", [y], { alpha: { float: largestFloat }, beta: { float: 0 } })));
const largestFloat = (2 - 2 ** -23) * 2 ** 127;
export const LeakyRelu: Vjp = unary((b, dy, x, _y, node) => b.where(b.greater(x, 0), dy, b.mul(dy, node.number("alpha", 0.01))));
export const PRelu: Vjp = perInput(
  (b, dy, node) => b.where(b.greater(node.input(0), 0), dy, b.mul(dy, node.input(1))),
  (b, dy, node) => b.mul(dy, b.op("Min", [node.input(0), 0])),
);
/** For x ≤ 0, y = α (eˣ − 1), so α eˣ = y + α. */
export const Elu: Vjp = unary((b, dy, x, y, node) => b.where(b.greater(x, 0), dy, b.mul(dy, b.add(y, node.number("alpha", 1)))));
export const Selu: Vjp = unary((b, dy, x, y, node) => {
  const [alpha, gamma] = [node.number("alpha", 1.67326319217681884765625), node.number("gamma", 1.05070102214813232421875)];
  return b.mul(dy, b.where(b.greater(x, 0), gamma, b.add(y, alpha * gamma)));
});
export const Celu: Vjp = unary((b, dy, x, _y, node) => b.mul(dy, b.exp(b.op("Min", [b.div(x, node.number("alpha", 1)), 0]))));
export const Sigmoid: Vjp = unary((b, dy, _x, y) => b.mul(dy, b.mul(y, b.sub(1, y))));
/** The slope is α where the output is strictly inside (0, 1). */
export const HardSigmoid: Vjp = unary((b, dy, _x, y, node) => b.mul(dy, b.mul(b.op("Sign", [b.mul(y, b.sub(1, y))]), node.number("alpha", 0.2))));
export const HardSwish: Vjp = unary((b, dy, x) => {
  const middle = b.mul(dy, b.add(b.div(x, 3), 0.5));
  return b.where(b.greater(x, 3), dy, b.where(b.greater(x, -3), middle, 0));
});
export const Tanh: Vjp = unary((b, dy, _x, y) => b.mul(dy, b.sub(1, b.mul(y, y))));
export const Erf: Vjp = unary((b, dy, x) => b.mul(dy, b.mul(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI))));
export const Softplus: Vjp = unary((b, dy, x) => b.mul(dy, b.sigmoid(x)));
export const Softsign: Vjp = unary((b, dy, x) => {
  const denominator = b.add(b.op("Abs", [x]), 1);
  return b.div(dy, b.mul(denominator, denominator));
});
/** y = x t with t = tanh(softplus x): dy/dx = t + x σ(x) (1 − t²). */
export const Mish: Vjp = unary((b, dy, x) => {
  const t = b.tanh(b.op("Softplus", [x]));
  return b.mul(dy, b.add(t, b.mul(b.mul(x, b.sigmoid(x)), b.sub(1, b.mul(t, t)))));
});
export const ThresholdedRelu: Vjp = unary((b, dy, x, _y, node) => b.where(b.greater(x, node.number("alpha", 1)), dy, 0));
/** onnxruntime's x σ(α x). */
export const QuickGelu: Vjp = unary((b, dy, x, y, node) => {
  const alpha = node.number("alpha", 1.702);
  const sigmoid = b.sigmoid(b.mul(x, alpha));
  return b.mul(dy, b.add(sigmoid, b.mul(b.mul(y, alpha), b.sub(1, sigmoid))));
});

export const Gelu: Vjp = unary((b, dy, x, _y, node) => b.mul(dy, node.text("approximate", "none") === "tanh" ? tanhGeluSlope(b, x) : geluSlope(b, x)));
/** onnxruntime's Gelu of x + bias; the engine sums the bias's share. */
export const BiasGelu: Vjp = biased(geluSlope);
export const FastGelu: Vjp = biased(tanhGeluSlope);

function biased(slope: (b: GraphBuilder, x: Value) => Value): Vjp {
  return (b, node, [dy], [wantsX, wantsBias]) => {
    const bias = node.inputs[1];
    const dx = b.mul(dy!, slope(b, bias === undefined ? node.input(0) : b.add(node.input(0), bias)));
    return [wantsX ? dx : undefined, wantsBias ? dx : undefined];
  };
}

/**
 * Φ(x) + x φ(x), the slope of x Φ(x) (Hendrycks & Gimpel 2016), in eight passes: with u = x/√2, HardSigmoid with
 * slope and offset ½ turns erf u into Φ at once (and never clips, since erf lies in [−1, 1]), and x φ(x) is
 * u exp(−u² − ½ ln π).
 */
function geluSlope(b: GraphBuilder, x: Value): Value {
  const u = b.mul(x, Math.SQRT1_2);
  const half = { float: 0.5 };
  const cumulative = b.op("HardSigmoid", [b.erf(u)], { alpha: half, beta: half });
  const bell = b.exp(b.sub(-Math.log(Math.PI) / 2, b.mul(u, u)));
  return b.add(cumulative, b.mul(u, bell));
}

/** The slope of ½ x (1 + t), t = tanh(√(2/π) (x + 0.044715 x³)). */
function tanhGeluSlope(b: GraphBuilder, x: Value): Value {
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715];
  const square = b.mul(x, x);
  const t = b.tanh(b.mul(x, b.add(b.mul(square, k * c), k)));
  const inner = b.mul(x, b.add(b.mul(square, 1.5 * k * c), 0.5 * k));
  return b.add(b.add(b.mul(t, 0.5), 0.5), b.mul(inner, b.sub(1, b.mul(t, t))));
}
