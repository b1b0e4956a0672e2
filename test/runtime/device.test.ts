import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { writeOnnx } from "#src/formats/index.js";
import { type ProbeResult, decideDevice } from "#src/runtime/device.js";
import { chooseDevice, openSession, runtimeVersions } from "#src/runtime/index.js";
import { probeModel } from "#src/runtime/probeModel.js";
import { modelOf, node } from "./models.js";
import { noSoftwareVulkan, runOnSoftwareVulkan } from "./softwareVulkan.js";

const absent: ProbeResult = { works: false, reason: "no driver" };
const fast: ProbeResult = { works: true, size: 1024, milliseconds: 1, cpuMilliseconds: 10 };
const slow: ProbeResult = { works: true, size: 256, milliseconds: 100, cpuMilliseconds: 10 };
const machine = (cuda: ProbeResult, webgpu: ProbeResult) => async (device: "cuda" | "webgpu"): Promise<ProbeResult> => (device === "cuda" ? cuda : webgpu);

test("auto takes the first device that works and is faster, and says why not the others", async () => {
  assert.deepEqual(await decideDevice("auto", machine(absent, absent)),
    { device: "cpu", reason: "no faster device works here", absent: [{ device: "cuda", reason: "no driver" }, { device: "webgpu", reason: "no driver" }] });
  const gpu = await decideDevice("auto", machine(absent, fast));
  assert.equal(gpu.device, "webgpu");
  assert.match(gpu.reason, /a 1024 × 1024 matrix product takes 1\.0 ms, on the processor 10\.0 ms/);
  assert.equal((await decideDevice("auto", machine(fast, fast))).device, "cuda");
  const software = await decideDevice("auto", machine(absent, slow));
  assert.equal(software.device, "cpu");
  assert.match(software.absent[1]!.reason, /works, but slower than the processor/);
});

test("a device that was asked for is taken when it works and refused when it does not", async () => {
  assert.equal((await decideDevice("webgpu", machine(absent, slow))).device, "webgpu");
  assert.equal((await decideDevice("cpu", machine(fast, fast))).device, "cpu");
  await assert.rejects(decideDevice("cuda", machine(absent, fast)), (error: ModlinguaError) => error.kind === "device" && /cuda is not there: no driver — use device: "auto"/.test(error.message));
  await assert.rejects(decideDevice("gpu" as "cuda", machine(fast, fast)), /unknown device "gpu"; known: auto, cpu, cuda, webgpu/);
});

test("auto never fails on this machine", async () => {
  const choice = await chooseDevice("auto");
  assert.ok(["cpu", "cuda", "webgpu"].includes(choice.device));
  for (const { reason } of choice.absent) assert.doesNotMatch(reason, /::|\.cc/);
});

test("a session on a device that is not there is refused with kind device", async (context) => {
  const { absent: missing } = await chooseDevice("auto");
  const first = missing.find(({ reason }) => !reason.startsWith("works"));
  if (first === undefined) return context.skip("every device works here");
  await assert.rejects(openSession({ bytes: probeModel() }, { device: first.device }), (error: ModlinguaError) => error.kind === "device" && error.message.includes(first.device));
});

test("the probe model is y = x x, as our own writer writes it", () => {
  const info = (name: string) => ({ name, dtype: "float32" as const, shape: ["n", "n"] });
  const model = modelOf({ nodes: [{ ...node("MatMul", ["x", "x"], ["y"]), name: "" }], inputs: [info("x")], outputs: [info("y")] });
  const { bytes } = writeOnnx({ ...model, opsetImport: [{ domain: "", version: 13 }], graph: { ...model.graph, name: "probe" } });
  assert.deepEqual(Buffer.from(probeModel()), Buffer.from(bytes));
});

test("one onnxruntime-node, 1.30 or newer, is installed", () => {
  const installed = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8")) as { packages: Record<string, unknown> };
  assert.deepEqual(Object.keys(installed.packages).filter((path) => path.endsWith("node_modules/onnxruntime-node")), ["node_modules/onnxruntime-node"]);
  assert.equal((JSON.parse(readFileSync("node_modules/onnxruntime-node/package.json", "utf8")) as { version: string }).version, runtimeVersions().onnxruntime);
  assert.ok(runtimeVersions().onnxruntime >= "1.30" && runtimeVersions().threads >= 1);
});

test("WebGPU gives what the processor gives, on a software Vulkan device", (context) => {
  if (noSoftwareVulkan !== undefined) return context.skip(noSoftwareVulkan);
  const output = runOnSoftwareVulkan("build/test/runtime/webgpuParity.js");
  assert.match(output, /largest difference [0-9.e-]+/);
  assert.ok(Number(/largest difference ([0-9.e-]+)/.exec(output)![1]) < 1e-4, output);
});
