import { float32, randomStream } from "#src/base/index.js";
import { chooseDevice, openSession } from "#src/runtime/index.js";
import { linearModel } from "./models.js";

/* Run in a process of its own with VK_DRIVER_FILES set: prints the largest difference between WebGPU and the processor. */

const width = 64;
const numbers = randomStream(1, "webgpu");
const random = (...dims: number[]) => float32(dims, Array.from({ length: dims.reduce((a, b) => a * b) }, () => numbers.normal()));
const feeds = { x: random(32, width), w: random(width, width), b: random(width) };

async function parity(): Promise<void> {
  const { reason } = await chooseDevice("webgpu");
  const run = async (device: "cpu" | "webgpu") => (await (await openSession({ bytes: linearModel(width) }, { device })).run(feeds)).y!.data as Float32Array;
  const [expected, found] = [await run("cpu"), await run("webgpu")];
  const difference = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - found[index]!)), 0);
  console.log(`${reason}; largest difference ${difference.toExponential(2)}`);
}

await parity();
