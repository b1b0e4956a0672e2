import type { GraphBuilder, Value } from "../onnx/index.js";

/** Σᵢ −log softmax(logits)ᵢ,labelᵢ for logits [n, classes] and int64 labels [n]. */
export function crossEntropySum(b: GraphBuilder, logits: Value, labels: Value): Value {
  const picked = b.op("GatherElements", [b.op("LogSoftmax", [logits], { axis: -1 }), b.unsqueeze(labels, [1])], { axis: 1 });
  return b.neg(b.sum(picked));
}

/** Softmax of one row of host-side logits, as plain numbers. */
export function probabilities(logits: ArrayLike<number>, start: number, count: number): number[] {
  let highest = -Infinity;
  for (let i = 0; i < count; i++) highest = Math.max(highest, logits[start + i]!);
  const powers = Array.from({ length: count }, (_, i) => Math.exp(logits[start + i]! - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Index of the largest number; the first of equal ones. */
export function argmax(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);
}
