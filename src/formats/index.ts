export * from "./onnxProto.js";
export { parseOnnx, readOnnxFile } from "./onnxReader.js";
export { type WrittenOnnx, writeOnnx } from "./onnxWriter.js";
export * from "./safetensors.js";
