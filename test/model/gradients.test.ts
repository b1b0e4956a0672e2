import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type FloatTensor, float32, int64 } from "#src/base/index.js";
import { createAdapter } from "#src/computation/index.js";
import { readSafetensors } from "#src/formats/index.js";
import { createHead } from "#src/heads/index.js";
import { assemble } from "#src/model/index.js";
import { ourLayout } from "../composition/adapterHub.js";
import { flat, ints, openFile, readJson, relativeError } from "./tiny.js";

interface Case {
  readonly backboneFiles: readonly string[];
  readonly layout: "pfeiffer" | "houlsby";
  readonly activation: string;
  readonly width: number;
  readonly hidden: number;
  readonly weights: string;
  readonly feeds: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly labels: readonly (readonly number[])[];
  readonly expected: { readonly loss: number; readonly logits: unknown };
}

const folder = "test/fixtures/gradients";
const tolerance = 1e-5;

/** Loss and gradients of torch, through a whole encoder, for every family and every export of it. */
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const golden = readJson<Case>(join(folder, file));
  for (const backboneFile of golden.backboneFiles) {
    test(`${file.replace(".json", "")} through ${backboneFile}: loss, logits and every gradient as torch has them`, () => check(golden, backboneFile));
  }
}

async function check(golden: Case, backboneFile: string): Promise<void> {
  const tensors = readSafetensors(join(folder, golden.weights)).tensors as ReadonlyMap<string, FloatTensor>;
  const adapter = createAdapter("task", {
    method: "bottleneck", reductionFactor: golden.hidden / golden.width, nonLinearity: golden.activation, ...(golden.layout === "houlsby" ? { originalNormBefore: false } : {}),
  });
  const head = createHead("tagging", { labels: ["a", "b", "c", "d", "e"], pieces: "first" }, { name: "tags" });
  for (const [name, tensor] of tensors) if (!name.startsWith("gradient.")) (name.startsWith("head.") ? head : adapter).parameters.set(ourNameOf(name), ourLayout(tensor));
  const model = assemble(openFile(join("test/fixtures", backboneFile)), { adapters: [adapter], composition: adapter, head });
  try {
    const feeds = Object.fromEntries(Object.entries(golden.feeds).map(([name, rows]) => [name, ints(rows)]));
    const all = golden.labels.flat();
    const { logits } = await model.predict({ ...feeds, rows: int64([all.length], all.map((_, index) => index)) });
    assert.ok(relativeError(logits!.data as Float32Array, flat(golden.expected.logits)) <= tolerance, "logits");
    const rows = all.flatMap((label, position) => (label === -100 ? [] : [position]));
    const step = await model.training(["task", "tags"]);
    const { loss, gradients } = await step.run({ ...feeds, rows: int64([rows.length], rows), labels: int64([rows.length], rows.map((row) => all[row]!)), lossScale: float32([], [1 / rows.length]) });
    assert.ok(Math.abs(loss - golden.expected.loss) / golden.expected.loss <= tolerance, `loss ${loss}, expected ${golden.expected.loss}`);
    compare(step.parameters, gradients, tensors);
  } finally {
    await model.close();
  }
}

/** Differences are measured against the largest gradient of the case. */
function compare(parameters: readonly { readonly module: string; readonly name: string }[], gradients: readonly FloatTensor[], tensors: ReadonlyMap<string, FloatTensor>): void {
  const expected = new Map([...tensors].filter(([name]) => name.startsWith("gradient.")).map(([name, tensor]) => [`${name.startsWith("gradient.head.") ? "tags" : "task"}/${ourNameOf(name.slice(9))}`, ourLayout(tensor)]));
  const largest = Math.max(...[...expected.values()].flatMap(({ data }) => Array.from(data, Math.abs)));
  assert.deepEqual(parameters.map(({ module, name }) => `${module}/${name}`).sort(), [...expected.keys()].sort());
  parameters.forEach(({ module, name }, index) => {
    const wanted = expected.get(`${module}/${name}`)!;
    const error = Math.max(...Array.from(gradients[index]!.data, (value, i) => Math.abs(value - wanted.data[i]!))) / largest;
    assert.ok(error <= tolerance, `gradient of ${module}/${name}: relative error ${error}`);
  });
}

function ourNameOf(name: string): string {
  return name.replace(/^head\./, "out.").replace(/^(layer\.\d+)\./, "$1.ffnOutput.");
}
