import { unknownName } from "../base/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";

const functions = {
  relu: (b: GraphBuilder, x: Value) => b.relu(x),
  gelu: (b: GraphBuilder, x: Value) => b.op("Gelu", [x]),
  gelu_new: (b: GraphBuilder, x: Value) => b.op("Gelu", [x], { approximate: "tanh" }),
  tanh: (b: GraphBuilder, x: Value) => b.tanh(x),
  sigmoid: (b: GraphBuilder, x: Value) => b.sigmoid(x),
  swish: (b: GraphBuilder, x: Value) => b.mul(x, b.sigmoid(x)),
  silu: (b: GraphBuilder, x: Value) => b.mul(x, b.sigmoid(x)),
  leakyrelu: (b: GraphBuilder, x: Value) => b.op("LeakyRelu", [x], { alpha: { float: 0.01 } }),
  quick_gelu: (b: GraphBuilder, x: Value) => b.mul(x, b.sigmoid(b.mul(x, 1.702))),
  gelu_fast: (b: GraphBuilder, x: Value) => b.op("Gelu", [x], { approximate: "tanh" }),
  relu6: (b: GraphBuilder, x: Value) => b.op("Clip", [x, 0, 6]),
  mish: (b: GraphBuilder, x: Value) => b.op("Mish", [x]),
  identity: (_: GraphBuilder, x: Value) => x,
} as const;

/** Names of activation functions, as transformers spells them (`gelu` is the exact one, `gelu_new` and `gelu_fast` the tanh approximation). */
export type ActivationName = keyof typeof functions;

export function activate(b: GraphBuilder, name: string, x: Value): Value {
  if (!Object.hasOwn(functions, name)) throw unknownName("config", "activation function", name, Object.keys(functions));
  return functions[name as ActivationName](b, x);
}
