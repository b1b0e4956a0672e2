export * from "./onnxProto.js";
export { parseOnnx, readOnnxFile } from "./onnxReader.js";
export { type WrittenOnnx, writeOnnx } from "./onnxWriter.js";
export * from "./safetensors.js";
export * from "./conllu.js";
export * from "./conll.js";
export * from "./tsv.js";
export * from "./jsonl.js";
export { type Line, fileLines, textLines } from "./lines.js";
