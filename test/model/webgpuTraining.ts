import { stack } from "#src/composition/index.js";
import { createAdapter } from "#src/computation/index.js";
import { createHead } from "#src/heads/index.js";
import { assemble } from "#src/model/index.js";
import { chooseDevice } from "#src/runtime/index.js";
import { shake, tinyFeeds, tinyTargets } from "./batch.js";
import { openTiny } from "./tiny.js";

/* Run in a process of its own with VK_DRIVER_FILES set: compares a MAD-X stack's logits, loss and gradients on WebGPU with the processor's. */

const backbone = openTiny("xlm-roberta-opset17");
const language = createAdapter("language", { method: "bottleneck", preset: "madxLanguage", nonLinearity: "tanh" });
const task = createAdapter("task", { method: "bottleneck", reductionFactor: 4, nonLinearity: "gelu" });
const head = createHead("tagging", { labels: ["a", "b", "c", "d", "e"], pieces: "first" });

async function numbersOn(device: "cpu" | "webgpu"): Promise<Record<string, Float32Array>> {
  const model = assemble(backbone, { adapters: [language, task], composition: stack(["language", "task"]), head, session: { device } });
  const program = await model.training(["task", head.name]);
  for (const { parameters } of [language, task, head]) shake(parameters);
  const feeds = { ...tinyFeeds(backbone), ...tinyTargets() };
  const { loss, gradients } = await program.run(feeds);
  const { logits } = await model.predict(feeds);
  return { loss: Float32Array.of(loss), logits: logits!.data as Float32Array, gradients: Float32Array.from(gradients.flatMap(({ data }) => [...data])) };
}

async function parity(): Promise<void> {
  await chooseDevice("webgpu");
  const [expected, found] = [await numbersOn("cpu"), await numbersOn("webgpu")];
  for (const [name, values] of Object.entries(expected)) {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = values.reduce((most, value, index) => Math.max(most, Math.abs(value - found[name]![index]!)), 0);
    console.log(`${name} ${values.length} ${(difference / largest).toExponential(2)}`);
  }
}

await parity();
