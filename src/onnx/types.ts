import type { DType, Tensor } from "../base/index.js";

/** ONNX's numbers for element types. */
export const onnxTypes: Readonly<Record<Tensor["dtype"], number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16,
};

const names = new Map<number, DType>([...Object.entries(onnxTypes).map(([name, number]) => [number, name as DType] as const), [8, "string"]]);

/** The element type that ONNX calls `number`; undefined for one that this library has no name for. */
export function dtypeOfOnnx(number: number): DType | undefined {
  return names.get(number);
}
