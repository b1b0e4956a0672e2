import type { GraphBuilder, Value } from "../onnx/index.js";
import { affine, fromRows, toRows, widthOf } from "./linear.js";
import { type Initializer, type ParameterScope, zeros } from "./scope.js";

/** One learned number a sequence: the mean over its positions of a sigmoid of `input`, [batch, 1, 1] (Mao et al. 2022, UniPELT). */
export function sequenceGate(b: GraphBuilder, scope: ParameterScope, input: Value, start: Initializer): Value {
  const logits = affine(b, toRows(b, input), scope.parameter("weight", [widthOf(input), 1], start), scope.parameter("bias", [1], zeros));
  return b.mean(fromRows(b, b.sigmoid(logits), input), [1], true);
}
