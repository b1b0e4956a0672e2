import type { OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from "#src/formats/index.js";
import { writeOnnx } from "#src/formats/index.js";

/** A small ONNX model as plain data. */
export function modelOf(parts: { nodes: OnnxNode[]; inputs: OnnxValueInfo[]; outputs: OnnxValueInfo[]; initializers?: OnnxTensor[] }): OnnxModel {
  const { nodes, inputs, outputs, initializers = [] } = parts;
  return { irVersion: 8, opsetImport: [{ domain: "", version: 17 }], metadata: {}, functions: [], graph: { name: "test", nodes, initializers, inputs, outputs, valueInfo: [] } };
}

export function node(op: string, inputs: string[], outputs: string[]): OnnxNode {
  return { op, domain: "", name: `${op}:${outputs[0]}`, inputs, outputs, attributes: [] };
}

/** y = x · w + b: x [n, width], w and b are inputs as well. */
export function linearModel(width: number): Uint8Array {
  const info = (name: string, shape: (number | string)[]): OnnxValueInfo => ({ name, dtype: "float32", shape });
  return writeOnnx(modelOf({
    nodes: [node("MatMul", ["x", "w"], ["xw"]), node("Add", ["xw", "b"], ["y"])],
    inputs: [info("x", ["n", width]), info("w", [width, width]), info("b", [width])],
    outputs: [info("y", ["n", width])],
  })).bytes;
}

/** `depth` matrix products in a row: x [n, n]. Long enough to be interrupted. */
export function slowModel(depth: number): Uint8Array {
  const info = (name: string): OnnxValueInfo => ({ name, dtype: "float32", shape: ["n", "n"] });
  const nodes = Array.from({ length: depth }, (_, index) => node("MatMul", [index === 0 ? "x" : `x${index}`, "x"], [index === depth - 1 ? "y" : `x${index + 1}`]));
  return writeOnnx(modelOf({ nodes, inputs: [info("x")], outputs: [info("y")] })).bytes;
}
