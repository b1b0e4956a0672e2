import { ModlinguaError } from "../base/index.js";
import { type GraphBuilder, type Value, rankOf, shapeOf } from "../onnx/index.js";

/** Width of the last axis, which must be known. */
export function widthOf(value: Value): number {
  const width = shapeOf(value).at(-1);
  if (typeof width !== "number") throw new ModlinguaError("graph", `the width of ${JSON.stringify(value.name)} is not known: [${shapeOf(value).join(", ")}]`);
  return width;
}

/** All positions as rows: [batch, sequence, width] → [batch · sequence, width]. */
export function toRows(b: GraphBuilder, value: Value): Value {
  return rankOf(value) === 2 ? value : b.reshape(value, [-1, widthOf(value)]);
}

/** Rows put back into the leading axes of `like`: [batch · sequence, width] → [batch, sequence, width]. */
export function fromRows(b: GraphBuilder, rows: Value, like: Value): Value {
  const rank = rankOf(like);
  if (rank === 2) return rows;
  const [, ...rest] = shapeOf(like);
  const fixed = rest.slice(0, -1).every((dim) => typeof dim === "number") ? [-1, ...(rest.slice(0, -1) as number[]), widthOf(rows)] : undefined;
  return b.reshape(rows, fixed ?? b.concat([b.op("Shape", [like], { start: 0, end: rank - 1 }), b.ints([widthOf(rows)])], 0));
}

/** `rows · weight + bias`, weight [in, out]. The bias is no operand of the Gemm: onnxruntime spreads that one over the rows in one thread. */
export function affine(b: GraphBuilder, rows: Value, weight: Value, bias?: Value): Value {
  const product = b.gemm(rows, weight);
  return bias === undefined ? product : b.add(product, bias);
}
