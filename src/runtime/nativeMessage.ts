/** A native error message without the C++ around it: no source files, no function signatures, no checked expressions. */
export function cleanMessage(message: string): string {
  return message
    .replace(/\s+/g, " ")
    .replace(/\S*onnxruntime\/\S+\.(cc|h):\d+ /g, "")
    .replace(/^onnxruntime::.*? was false\. /, "")
    .replace(/^(Error: )+/, "")
    .replace(/^OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library.*/, "the CUDA library of onnxruntime cannot be loaded (no NVIDIA driver, or onnxruntime-node was installed without CUDA)")
    .trim();
}
