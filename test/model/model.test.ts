import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { parallel, stack } from "#src/composition/index.js";
import { ParameterTable, createAdapter } from "#src/computation/index.js";
import { createHead, taskOf } from "#src/heads/index.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";
import { sharedHost } from "#src/runtime/host.js";
import { distance, part, shake, states, tinyFeeds } from "./batch.js";
import { openTiny } from "./tiny.js";

const backbone = openTiny("bert-opset17");
const feeds = tinyFeeds(backbone);
const opened: AdaptedModel[] = [];
after(() => Promise.all(opened.map((model) => model.close())));

/** A model with adapters a and b, all of its parameters shaken. */
async function modelOf(head = createHead("classification", { labels: ["x", "y"], pooling: "mean" })): Promise<AdaptedModel> {
  const model = assemble(backbone, { adapters: ["a", "b"].map((name) => createAdapter(name)), composition: stack(["a", "b"]), head }) as AdaptedModel;
  opened.push(model);
  await model.prepare();
  [...model.modules, head.name].forEach((name, seed) => shake(model.module(name).parameters, seed));
  return model;
}

const logits = async (model: AdaptedModel): Promise<Float32Array> => (await model.predict(feeds))["logits"]!.data as Float32Array;

describe("a head over a parallel block", () => {
  it("sees each copy with its own mask", async () => {
    const model = await modelOf();
    const both = await logits(model.with(parallel(["a", "b"])));
    assert.ok(distance(part(both, 0, 2), await logits(model.with("a"))) <= 1e-5);
    assert.ok(distance(part(both, 1, 2), await logits(model.with("b"))) <= 1e-5);
  });

  it("has no one loss, and is refused", async () => {
    const model = (await modelOf()).with(parallel(["a", "b"]));
    assert.equal(model.copies, 2);
    await assert.rejects(() => model.training(["a"]), /parallel\(a, b\) has 2 results for each input, so no one loss — train the children of the parallel block one by one/);
  });
});

it("an adapter that lacks some of its parameters is refused instead of filled up at random", async () => {
  const model = await modelOf();
  const whole = createAdapter("a");
  const some = model.module("a").parameters.entries().filter(([name]) => !name.startsWith("layer.1."));
  const broken = assemble(backbone, { adapters: [{ ...whole, parameters: new ParameterTable(some) }], composition: "a" });
  await assert.rejects(() => broken.prepare(), /the module "a" has no layer\.1\.ffnOutput\.down\.weight, though it has others — load the whole module/);
  await broken.close();
});

it("an adapter of another pre-training is refused, whatever the backbone is called; rounded weights and another export pass", async () => {
  const { norms } = backbone;
  assert.equal(norms.length, 2 * backbone.config.layers + 1);
  const adapter = createAdapter("a");
  const use = (name: string, own: readonly number[]): unknown => assemble({ ...backbone, name, norms: own }, { adapters: [adapter], composition: "a" });
  use("first", norms);
  assert.deepEqual(adapter.base?.norms, norms);
  use("rounded", norms.map((norm) => norm * 1.001));
  use("with a head's norm", [...norms, 1]);
  assert.throws(() => use("second", norms.map((norm) => norm * 1.1)), /"a" was made for first and does not fit second: another pre-training \(its norms differ\) — load first, or an adapter made for second/);
  adapter.base = { name: "first", modelType: "bert", layers: 3, hidden: 24 };
  use("second", norms.map((norm) => norm * 1.1));
});

it("a masked-LM head takes its vocabulary from the backbone, and refuses another", async () => {
  const given = assemble(backbone, { head: createHead("maskedLm", { vocabulary: 121 }) });
  await assert.rejects(() => given.prepare(), /head maskedLm: is made for a vocabulary of 121 pieces, the backbone has 120/);
  const model = assemble(backbone, { head: createHead("maskedLm", {}) });
  opened.push(model as AdaptedModel);
  const encoded = { ids: [2, 84, 3], wordOf: [-1, 0, -1], typeOf: [0, 0, 0], words: 1, truncatedWords: 0 };
  const batch = { encoded: [encoded], length: 3 };
  const task = taskOf("maskedLm");
  const { logits: found } = await model.predict({ ...tinyFeeds(backbone), ...task.predictFeeds(batch, {}) });
  const best = (row: number): number => {
    const scores = (found!.data as Float32Array).subarray(120 * row, 120 * (row + 1));
    return scores.indexOf(Math.max(...scores));
  };
  assert.deepEqual(task.decode(found!, batch, model.head!.config as object), [[best(0), best(1), best(2)]]);
});

it("after the thread that runs models has died, a model opens its session and places its parameters again", async () => {
  const model = await modelOf();
  const bare = model.withHead(undefined) as unknown as AdaptedModel;
  const before = await states(bare, feeds);
  await sharedHost().worker.terminate();
  const [first, second] = await Promise.all([states(bare, feeds), states(bare, feeds)]);
  assert.equal(distance(first, before), 0);
  assert.equal(distance(second, before), 0);
});
