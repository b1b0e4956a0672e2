import { integers } from "../../base/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import { extraOutput } from "../extraOutput.js";
import { type Vjp, everyInput, perInput, unary, zeroGradient } from "../rule.js";

export const Add: Vjp = everyInput((_b, dy) => dy);
export const Sum: Vjp = everyInput((_b, dy) => dy);
export const Sub: Vjp = perInput((_b, dy) => dy, (b, dy) => b.neg(dy));
export const Mul: Vjp = perInput((b, dy, node) => b.mul(dy, node.input(1)), (b, dy, node) => b.mul(dy, node.input(0)));
export const Div: Vjp = perInput(
  (b, dy, node) => b.div(dy, node.input(1)),
  (b, dy, node) => b.neg(b.div(b.mul(dy, node.output(0)), node.input(1))),
);
export const Mean: Vjp = (b, node, [dy], wanted) => {
  const part = b.mul(dy!, 1 / node.inputs.length);
  return wanted.map((want) => (want ? part : undefined));
};

export const Pow: Vjp = perInput(
  (b, dy, node) => b.mul(dy, powerSlope(b, node.input(0), node.input(1))),
  (b, dy, node) => {
    const x = node.input(0);
    const logarithm = b.where(b.greater(x, 0), b.log(x), 0);
    return b.mul(dy, b.mul(node.output(0), logarithm));
  },
);

/** p · x^(p − 1), without a power where p is the constant 2. */
function powerSlope(b: GraphBuilder, x: Value, exponent: Value): Value {
  const power = constantNumber(exponent);
  if (power === 2) return b.mul(x, 2);
  if (power !== undefined) return b.mul(b.pow(x, power - 1), power);
  const p = exponent.dtype === "float32" ? exponent : b.cast(exponent, "float32");
  return b.mul(b.pow(x, b.sub(p, 1)), p);
}

/** The number that a one-element constant holds. */
function constantNumber({ tensor }: Value): number | undefined {
  if (tensor === undefined || tensor.data.length !== 1) return undefined;
  return tensor.dtype === "float32" || tensor.dtype === "float64" ? Number(tensor.data[0]) : integers(tensor)[0];
}

export const Neg: Vjp = unary((b, dy) => b.neg(dy));
export const Abs: Vjp = unary((b, dy, x) => b.mul(dy, b.op("Sign", [x])));
export const Exp: Vjp = unary((b, dy, _x, y) => b.mul(dy, y));
export const Log: Vjp = unary((b, dy, x) => b.div(dy, x));
export const Sqrt: Vjp = unary((b, dy, _x, y) => b.div(b.mul(dy, 0.5), y));
export const Reciprocal: Vjp = unary((b, dy, _x, y) => b.neg(b.mul(dy, b.mul(y, y))));
export const Sin: Vjp = unary((b, dy, x) => b.mul(dy, b.op("Cos", [x])));
export const Cos: Vjp = unary((b, dy, x) => b.neg(b.mul(dy, b.op("Sin", [x]))));
export const Tan: Vjp = unary((b, dy, _x, y) => b.mul(dy, b.add(b.mul(y, y), 1)));
export const Atan: Vjp = unary((b, dy, x) => b.div(dy, b.add(b.mul(x, x), 1)));

export const Where: Vjp = perInput(
  () => undefined,
  (b, dy, node) => b.where(node.input(0), dy, 0),
  (b, dy, node) => b.where(node.input(0), 0, dy),
);

/** Equal candidates share the gradient, as in PyTorch's amax and for two inputs in torch.maximum. */
const extremum: Vjp = (b, node, [dy], wanted) => {
  const chosen = node.inputs.map((value) => b.cast(b.equal(value!, node.output(0)), "float32"));
  const ties = chosen.reduce((sum, mask) => b.add(sum, mask));
  const share = b.div(dy!, ties);
  return wanted.map((want, index) => (want ? b.mul(share, chosen[index]!) : undefined));
};
export const Max: Vjp = extremum;
export const Min: Vjp = extremum;

/** What lies on a bound still moves, as in torch.clamp. */
export const Clip: Vjp = (b, node, [dy], wanted) => {
  const x = node.input(0);
  const [, low, high] = node.inputs;
  const below = low && b.op("Less", [x, low]);
  const above = high && b.greater(x, high);
  const keep = (gradient: Value, outside: Value | undefined): Value => (outside === undefined ? gradient : b.where(outside, 0, gradient));
  const atBound = (outside: Value | undefined): Value | undefined => outside && b.where(outside, dy!, 0);
  const parts = [() => keep(keep(dy!, below), above), () => atBound(below), () => atBound(above)];
  return wanted.map((want, index) => (want ? parts[index]!() : undefined));
};

export const Sign: Vjp = zeroGradient;
export const Floor: Vjp = zeroGradient;
export const Ceil: Vjp = zeroGradient;
export const Round: Vjp = zeroGradient;

export const Identity: Vjp = unary((_b, dy) => dy);

/** Between floating types; a cast to integers ends the path before it gets here. */
export const Cast: Vjp = unary((b, dy, x) => b.cast(dy, x.dtype === undefined || x.dtype === "string" ? "float32" : x.dtype));

export const CastLike: Vjp = perInput((b, dy, node) => b.op("CastLike", [dy, node.input(0)]), () => undefined);

/** The mask that the forward pass drew is reused. */
export const Dropout: Vjp = (b, node, [dy]) => {
  const training = node.inputs[2];
  if (training === undefined || training.tensor?.data[0] === 0) return [dy];
  const ratio = node.inputs[1] ?? b.scalar(0.5);
  const kept = b.cast(extraOutput(b, node, 1, "bool", node.input(0).shape), "float32");
  const scale = b.div(1, b.sub(1, ratio));
  return [b.mul(b.mul(dy!, kept), training.isConstant ? scale : b.where(training, scale, 1))];
};
