import type { OpenGraph } from "#src/autodiff/index.js";
import { writeOnnx } from "#src/formats/index.js";
import { modelFromGraph } from "#src/onnx/index.js";
import { openSession } from "#src/runtime/index.js";

/** Opens a graph; little is rewritten, so that what runs is what was written. */
export const open: OpenGraph = async (graph) => {
  const session = await openSession(writeOnnx(modelFromGraph(graph)), { optimization: "basic", name: graph.name });
  return (feeds) => session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputs.includes(name))));
};
