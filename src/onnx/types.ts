import type { DType } from "../base/index.js";
import { onnxTypeNumbers } from "../formats/index.js";

/** ONNX's numbers for element types, as attributes such as Cast's `to` hold them. */
export const onnxTypes: Readonly<Record<DType, number>> = onnxTypeNumbers;

const names = new Map(Object.entries(onnxTypes).map(([name, number]) => [number, name as DType]));

/** The element type that ONNX calls `number`; undefined for one that this library has no name for. */
export function dtypeOfOnnx(number: number): DType | undefined {
  return names.get(number);
}
