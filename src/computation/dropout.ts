import type { GraphBuilder, Value } from "../onnx/index.js";
import { fromRows, toRows, widthOf } from "./linear.js";

/** What is left out as one: single numbers, or a sequence's whole [sequence, width]. */
export type DropoutUnit = "numbers" | "sequences";

/** 2³¹ − 1: a prime, and the product of two numbers below it fits int64. */
const prime = 2147483647;

/**
 * Dropout (Srivastava et al. 2014), or stochastic depth (Huang et al. 2016) where whole sequences are the unit: a share `rate` of
 * `value`, [batch, sequence, width], becomes zero and the rest is divided by 1 − rate. What drops out is a function of `seed`, an int64 scalar in
 * [0, 2³¹), and of `place`, the number of the dropout in its graph, so that a step can be repeated to the bit: the runtime's own random
 * operators keep a state that cannot be saved.
 */
export function dropout(b: GraphBuilder, value: Value, rate: number, unit: DropoutUnit, seed: Value, place: number): Value {
  const inner = b.within("dropout");
  if (unit === "sequences") return inner.mul(value, inner.reshape(keptMask(inner, rate, sizeOfFirstAxis(inner, value), 1, seed, place), [-1, 1, 1]));
  const rows = toRows(inner, value);
  return fromRows(inner, inner.mul(rows, keptMask(inner, rate, sizeOfFirstAxis(inner, rows), widthOf(rows), seed, place)), value);
}

/** [rows, columns] of 0 with probability `rate`, else 1 ÷ (1 − rate): the products of row keys and column keys modulo a prime (multiplicative hashing). */
function keptMask(b: GraphBuilder, rate: number, rows: Value, columns: number, seed: Value, place: number): Value {
  const row = b.unsqueeze(keys(b, rows, seed, 2 * place), [1]);
  const column = b.unsqueeze(keys(b, b.int(columns), seed, 2 * place + 1), [0]);
  const noise = modulo(b, b.mul(row, column));
  const kept = b.op("GreaterOrEqual", [noise, b.int(Math.round(rate * prime))]);
  return b.mul(b.cast(kept, "float32"), 1 / (1 - rate));
}

/** `count` numbers in [0, prime) that look random: a linear step and two squarings of 1, 2, … from a start that depends on seed and place. */
function keys(b: GraphBuilder, count: Value, seed: Value, place: number): Value {
  const start = modulo(b, b.add(b.mul(seed, b.int(48271)), b.int((place * 1640531527) % prime)));
  const numbers = b.op("Range", [b.int(1), b.add(count, b.int(1)), b.int(1)]);
  let key = modulo(b, b.add(b.mul(numbers, b.int(742938285)), start));
  for (const constant of [1043618065, 1226874159]) key = modulo(b, b.add(b.mul(key, key), b.add(b.mul(start, b.int(2)), b.int(constant))));
  return key;
}

function modulo(b: GraphBuilder, value: Value): Value {
  return b.op("Mod", [value, b.int(prime)]);
}

function sizeOfFirstAxis(b: GraphBuilder, value: Value): Value {
  return b.squeeze(b.op("Shape", [value], { start: 0, end: 1 }), [0]);
}
