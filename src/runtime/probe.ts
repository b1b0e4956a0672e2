import { float32 } from "../base/index.js";
import { type NativeSession, fromNative, openNative, supportedBackends, toNative } from "./native.js";
import { cleanMessage } from "./nativeMessage.js";
import { probeModel } from "./probeModel.js";
import type { DeviceName, NativeOptions } from "./protocol.js";
import type { ProbeResult } from "./device.js";
import { physicalCores } from "./threads.js";

/* A program of its own: `node probe.js DEVICE` tries a device and prints one line of JSON. A driver that aborts takes only this process with it. */

/** Rows and columns of the matrices, tried in turn; the last is 2 GFLOP a product, some milliseconds on a processor. */
const sizes = [128, 256, 512, 1024];

/** A product that takes longer than this many milliseconds tells enough: the next size would take eight times as long. */
const slow = 100;

async function probe(device: DeviceName): Promise<ProbeResult> {
  if (!supportedBackends().includes(device)) return { works: false, reason: `this build of the runtime has no ${device} support` };
  try {
    const [accelerated, plain] = [await open(device), await open("cpu")];
    for (const size of sizes) {
      const milliseconds = await productTime(accelerated, size);
      if (milliseconds > slow || size === sizes.at(-1)) return { works: true, size, milliseconds, cpuMilliseconds: await productTime(plain, size) };
    }
    throw new Error("no size was tried");
  } catch (error) {
    return { works: false, reason: cleanMessage(error instanceof Error ? error.message : String(error)) };
  }
}

function open(device: DeviceName): Promise<NativeSession> {
  return openNative({ bytes: probeModel() }, options(device), device !== "cpu");
}

/** The best of three products, after one that is not counted. */
async function productTime(session: NativeSession, size: number): Promise<number> {
  await product(session, size);
  return Math.min(await product(session, size), await product(session, size), await product(session, size));
}

async function product(session: NativeSession, size: number): Promise<number> {
  const ones = float32([size, size], new Float32Array(size * size).fill(1));
  const begin = performance.now();
  const { y } = await session.run({ x: toNative(ones) });
  const elapsed = performance.now() - begin;
  const { data } = fromNative(y!);
  if (data[0] !== size || data[size * size - 1] !== size) throw new Error(`a matrix product gave ${data[0]} instead of ${size}`);
  return elapsed;
}

function options(device: DeviceName): NativeOptions {
  return { device, threads: physicalCores(), spinning: true, prepacking: false, arena: true, memoryPattern: false, optimization: "all", disabledOptimizers: [] };
}

probe(process.argv[2] as DeviceName).then((result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}, () => process.exit(1));
