import { dtypeOfOnnx } from "../types.js";
import type { InferenceRule, InferenceRules } from "./rule.js";

const quantize: InferenceRule = (node) => ({
  dtype: node.inputs[2]?.dtype ?? (node.number("output_dtype", 0) === 0 ? "uint8" : dtypeOfOnnx(node.number("output_dtype", 2))),
  shape: node.inputs[0]?.shape,
});
const dequantize: InferenceRule = (node) => ({ dtype: node.inputs[1]?.dtype, shape: node.inputs[0]?.shape });

export const quantisedRules: InferenceRules = {
  QuantizeLinear: quantize, DequantizeLinear: dequantize, "com.microsoft:QuantizeLinear": quantize, "com.microsoft:DequantizeLinear": dequantize,
  DynamicQuantizeLinear: (node) => [{ dtype: "uint8", shape: node.inputs[0]?.shape }, { dtype: "float32", shape: [] }, { dtype: "uint8", shape: [] }],
};
