import assert from "node:assert/strict";
import { test } from "node:test";
import { noSoftwareVulkan, runOnSoftwareVulkan } from "../runtime/softwareVulkan.js";

test("forward and training graphs agree on WebGPU and on the processor", (context) => {
  if (noSoftwareVulkan !== undefined) return context.skip(noSoftwareVulkan);
  const output = runOnSoftwareVulkan("build/test/model/webgpuTraining.js");
  const lines = output.trim().split("\n").map((line) => line.split(" "));
  assert.deepEqual(lines.map(([name]) => name), ["loss", "logits", "gradients"], output);
  for (const [name, count, difference] of lines) {
    assert.ok(Number(count) > 0, `${name}: nothing was compared`);
    assert.ok(Number(difference) < 1e-4, `${name}: the largest difference is ${difference} of the largest number`);
  }
});
