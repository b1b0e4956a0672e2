import { type GraphBuilder, type Node, type Value, rankOf } from "../../onnx/index.js";
import { type Vjp, notDifferentiable } from "../rule.js";
import { range, reshapeLike, shapeVector } from "../shapes.js";

/**
 * Y = A B over the last two axes, the others broadcast: dA = dY B', dB = A' dY. A matrix on the right is met by
 * all rows of A at once, however many axes they are spread over, in a Gemm that transposes as it reads: a
 * Transpose of a frozen weight would be folded into a second copy of it.
 */
export const MatMul: Vjp = (b, node, [dy], [wantsA, wantsB]) => {
  const [a, c] = [node.input(0), node.input(1)];
  if (rankOf(a) === 1 || rankOf(c) === 1) return withVectors(b, a, c, dy!, [wantsA, wantsB]);
  return [wantsA ? gradientOfLeft(b, a, c, dy!) : undefined, wantsB ? gradientOfRight(b, a, c, dy!) : undefined];
};

function gradientOfLeft(b: GraphBuilder, a: Value, c: Value, dy: Value): Value {
  if (rankOf(c) > 2) return b.matMul(dy, swapped(b, c));
  return reshapeLike(b, b.gemm(asMatrix(b, dy), c, undefined, { transB: 1 }), a);
}

function gradientOfRight(b: GraphBuilder, a: Value, c: Value, dy: Value): Value {
  if (rankOf(c) > 2) return b.matMul(swapped(b, a), dy);
  return b.gemm(asMatrix(b, a), asMatrix(b, dy), undefined, { transA: 1 });
}

/**
 * The last two axes swapped. A transposition that does just that is undone; one that also moves other axes is left
 * alone, because onnxruntime reads a swap of the last two for free within the product, and any other by a copy.
 */
function swapped(b: GraphBuilder, value: Value): Value {
  const rank = rankOf(value);
  const swap = [...range(rank - 2), rank - 1, rank - 2];
  const { producer } = value;
  if (producer?.op === "Transpose" && producer.numbers("perm")?.join() === swap.join()) return producer.input(0);
  return b.op("Transpose", [value], { perm: swap });
}

/** All axes but the last as one. */
function asMatrix(b: GraphBuilder, value: Value): Value {
  if (rankOf(value) === 2) return value;
  const width = value.shape!.at(-1)!;
  if (typeof width === "number") return b.reshape(value, [-1, width]);
  return b.reshape(value, b.concat([b.ints([-1]), b.op("Shape", [value], { start: -1 })], 0));
}

/** A vector on the left is a row, one on the right a column, both without the axis in the result. */
function withVectors(b: GraphBuilder, a: Value, c: Value, dy: Value, [wantsA, wantsC]: readonly (boolean | undefined)[]): (Value | undefined)[] {
  const [leftIsVector, rightIsVector] = [rankOf(a) === 1, rankOf(c) === 1];
  if (leftIsVector && rightIsVector) return [wantsA ? b.mul(dy, c) : undefined, wantsC ? b.mul(dy, a) : undefined];
  if (rightIsVector) {
    const column = b.unsqueeze(dy, [rankOf(dy)]);
    return [wantsA ? b.mul(column, c) : undefined, wantsC ? b.mul(column, a) : undefined];
  }
  const row = b.unsqueeze(dy, [rankOf(dy) - 1]);
  const da = wantsA ? b.squeeze(b.matMul(row, swapped(b, c)), [rankOf(c) - 2]) : undefined;
  return [da, wantsC ? b.mul(b.unsqueeze(a, [1]), row) : undefined];
}

/** Y = α A° B° + β C, where ° is an optional transposition. */
export const Gemm: Vjp = (b, node, [dy], [wantsA, wantsB, wantsC]) => {
  const [a, c] = [node.input(0), node.input(1)];
  const [transA, transB, alpha, beta] = [node.number("transA", 0), node.number("transB", 0), node.number("alpha", 1), node.number("beta", 1)];
  const dA = (): Value => (transA ? b.gemm(c, dy!, undefined, { alpha, transA: transB, transB: 1 }) : b.gemm(dy!, c, undefined, { alpha, transB: 1 - transB }));
  const dB = (): Value => (transB ? b.gemm(dy!, a, undefined, { alpha, transA: 1, transB: transA }) : b.gemm(a, dy!, undefined, { alpha, transA: 1 - transA }));
  return [wantsA ? dA() : undefined, wantsB ? dB() : undefined, wantsC ? (beta === 1 ? dy : b.mul(dy!, beta)) : undefined];
};

/** onnxruntime's MatMul with α and transpositions of the last two axes. */
export const FusedMatMul: Vjp = (b, node, cotangents, [wantsA, wantsB]) => {
  if (node.number("transBatchA", 0) || node.number("transBatchB", 0)) throw notDifferentiable(node, "where it transposes batch axes");
  const [a, c] = [node.input(0), node.input(1)];
  const [transA, transB, alpha] = [node.number("transA", 0), node.number("transB", 0), node.number("alpha", 1)];
  const [left, right] = [transA ? swapped(b, a) : a, transB ? swapped(b, c) : c];
  const dy = alpha === 1 ? cotangents[0]! : b.mul(cotangents[0]!, alpha);
  const da = wantsA ? b.matMul(dy, swapped(b, right)) : undefined;
  const dc = wantsB ? gradientOfRight(b, left, right, dy) : undefined;
  return [da && transA ? swapped(b, da) : da, dc && transB ? swapped(b, dc) : dc];
};

/**
 * Each operand's cotangent is again an Einsum, of the result's cotangent with the other operands; an index
 * that only this operand has was summed, so its gradient is repeated along it.
 */
export const Einsum: Vjp = (b, node, [dy], wanted) => {
  const { operands, result } = explicitEquation(node);
  return wanted.map((want, index) => {
    if (!want) return undefined;
    const own = operands[index]!;
    if (new Set(own).size < own.length) throw notDifferentiable(node, `where an operand repeats an index (${own})`);
    const others = operands.flatMap((labels, other) => (other === index ? [] : [{ labels, value: node.input(other) }]));
    const available = new Set([...result, ...others.flatMap(({ labels }) => [...labels])]);
    const found = [...own].filter((label) => available.has(label)).join("");
    const equation = `${[result, ...others.map(({ labels }) => labels)].join(",")}->${found}`;
    const part = b.op("Einsum", [dy, ...others.map(({ value }) => value)], { equation });
    return repeatAlong(b, part, node.input(index), range(own.length).filter((axis) => !available.has(own[axis]!)));
  });
};

function repeatAlong(b: GraphBuilder, part: Value, like: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? part : b.expand(b.unsqueeze(part, axes), shapeVector(b, like));
}

/** The labels of operands and result with ellipses and an implied result written out. */
function explicitEquation(node: Node): { operands: string[]; result: string } {
  const [left, right] = node.text("equation", "").replaceAll(" ", "").split("->") as [string, string | undefined];
  const terms = left.split(",");
  const free = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"].filter((letter) => !left.includes(letter));
  const hidden = terms.map((term, index) => (term.includes("...") ? rankOf(node.input(index)) - (term.length - 3) : 0));
  const batch = free.slice(0, Math.max(...hidden)).join("");
  const operands = terms.map((term, index) => term.replace("...", batch.slice(batch.length - hidden[index]!)));
  return { operands, result: right === undefined ? batch + impliedResult(terms) : right.replace("...", batch) };
}

/** The labels that occur once, in alphabetical order. */
function impliedResult(terms: readonly string[]): string {
  const all = [...terms.join("").replaceAll(".", "")];
  return all.filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort().join("");
}
