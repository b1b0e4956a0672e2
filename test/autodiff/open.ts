import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { OpenGraph, Tensors } from "#src/autodiff/index.js";
import type { Tensor } from "#src/base/index.js";
import { writeOnnx } from "#src/formats/index.js";
import { modelFromGraph } from "#src/onnx/index.js";

/** Opens a graph in this process; no optimisation, so that what runs is what was written. */
export const open: OpenGraph = async (graph) => {
  const session = await InferenceSession.create(writeOnnx(modelFromGraph(graph)).bytes, { graphOptimizationLevel: "basic", intraOpNumThreads: 2, logSeverityLevel: 3 });
  const names = new Set(session.inputNames);
  return async (feeds: Tensors) => {
    const given = Object.entries(feeds).filter(([name]) => names.has(name)).map(([name, { dtype, data, dims }]) => [name, new OrtTensor(dtype as "float32", data as Float32Array, dims)]);
    const results = await session.run(Object.fromEntries(given));
    return Object.fromEntries(Object.entries(results).map(([name, { type, data, dims }]) => [name, { dtype: type, data, dims } as unknown as Tensor]));
  };
};
