// onnxruntime opens the same file from its path, with its default options.
import ort from "onnxruntime-node";
import { join } from "node:path";
import { answer, memory } from "../lib/process.mjs";

await answer(async ({ folder, threads }) => {
  const before = memory("VmRSS");
  const begin = performance.now();
  await ort.InferenceSession.create(join(folder, "model.onnx"), { intraOpNumThreads: threads });
  return { milliseconds: performance.now() - begin, megabytes: memory("VmHWM") - before };
});
process.exit(0);
