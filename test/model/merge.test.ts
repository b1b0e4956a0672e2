import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAdapter } from "#src/computation/index.js";
import { type AdaptedModel, assemble, mergeAdapters } from "#src/model/index.js";
import { familyOf } from "#src/backbone/index.js";
import { distance, shake, states, tinyFeeds } from "./batch.js";
import { openTiny } from "./tiny.js";

/** One export of every family, with weights as plain matrices, transposed, and fused. */
const exports = ["bert-opset11", "bert-opset17", "bert-dynamo20-sdpa", "roberta-dynamo18", "distilbert-opset14", "modernbert-opset17-sdpa", "deberta-v2-opset17"];

/** What a model gives, with every module that the composition names shaken. */
async function filled(model: AdaptedModel, feeds: ReturnType<typeof tinyFeeds>): Promise<Float32Array> {
  await model.prepare();
  model.modules.forEach((name, index) => shake(model.module(name).parameters, index + 1));
  return states(model, feeds);
}

for (const name of exports) {
  it(`merged weights compute what the adapter computes beside them (${name})`, async () => {
    const backbone = openTiny(name);
    const feeds = tinyFeeds(backbone);
    const first = createAdapter("first", { method: "lora", rank: 4, alpha: 6, targets: familyOf(backbone.config.family).linears, leaveOut: [1] });
    const second = createAdapter("second", { method: "lora", rank: 2, targets: familyOf(backbone.config.family).linears.slice(-2) });
    const task = createAdapter("task", { method: "bottleneck", reductionFactor: 4 });
    const beside = assemble(backbone, { adapters: [first, second, task], composition: { stack: ["first", "second", "task"] } }) as AdaptedModel;
    const expected = await filled(beside, feeds);
    const merged = mergeAdapters(backbone, [first, second]);
    const inside = assemble(merged, { adapters: [task], composition: "task" }) as AdaptedModel;
    assert.ok(distance(await states(inside, feeds), expected) <= 1e-5);
    const plain = assemble(backbone, {}) as AdaptedModel;
    assert.ok(distance(await states(inside.with(null), feeds), await states(plain, feeds)) > 1e-3, "the change is seen");
    assert.ok([...merged.graph.nodes].every((node) => backbone.graph.has(node.output().name)), "nothing is added to the graph");
    assert.notEqual(merged.fingerprint, backbone.fingerprint);
    for (const model of [beside, inside, plain]) await model.close();
  });
}

describe("refusals", () => {
  const backbone = openTiny("bert-opset17");
  const refuses = (config: Parameters<typeof createAdapter>[1], message: RegExp): void => void assert.throws(() => mergeAdapters(backbone, [createAdapter("a", config)]), message);
  it("a gate, since it depends on the text", () => refuses({ method: "lora", gating: true }, /"a" cannot be merged: what it changes depends on the input \(gating\)/));
  it("a method that computes beside the weights", () => refuses({ method: "bottleneck" }, /"a" cannot be merged: the method bottleneck does not change weights.* — keep it in the composition/));
  it("an adapter without parameters", () => refuses({ method: "lora" }, /"a" cannot be merged: it has no layer\.0\.query\.A — train it/));
});
