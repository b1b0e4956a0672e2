import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type Tensor } from "#src/base/index.js";
import { type Adapter, type ModuleConfig, createAdapter } from "#src/computation/index.js";
import { type Composition, average, batchSplit, blockNames, fuse, parallel, parseComposition, printComposition, split, stack } from "#src/composition/index.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";
import { distance, part, shake, states, tinyFeeds } from "../model/batch.js";
import { openTiny } from "../model/tiny.js";

const backbone = openTiny("bert-opset17");
const feeds = tinyFeeds(backbone);
const near = 2e-5;

const configs: Readonly<Record<string, ModuleConfig>> = {
  pfeiffer: { method: "bottleneck", reductionFactor: 4 },
  madxLanguage: { method: "bottleneck", preset: "madxLanguage" },
  houlsby: { method: "bottleneck", preset: "houlsby", reductionFactor: 4 },
  adapterPlus: { method: "bottleneck", preset: "adapterPlus", reductionFactor: 4 },
  parallel: { method: "bottleneck", preset: "parallel" },
  lora: { method: "lora", targets: ["query", "value", "intermediate", "output", "attentionOutput"] },
};

const opened: AdaptedModel[] = [];
after(() => Promise.all(opened.map((model) => model.close())));

/** A bare model that knows adapters a, b, c of a configuration, each with numbers of its own. */
async function family(config: ModuleConfig, names: readonly string[] = ["a", "b", "c"]): Promise<AdaptedModel> {
  const adapters = names.map((name, index) => createAdapter(name, config, { seed: index }));
  const model = assemble(backbone, { adapters }) as AdaptedModel;
  opened.push(model);
  for (const adapter of adapters) await filled(model, adapter);
  return model;
}

async function filled(model: AdaptedModel, adapter: Adapter): Promise<void> {
  await model.with(adapter).predict(feeds);
  shake(adapter.parameters, adapter.name.charCodeAt(0));
}

async function same(model: AdaptedModel, one: Composition | null, other: Composition | null): Promise<void> {
  const [left, right] = [await states(model.with(one), feeds), await states(model.with(other), feeds)];
  assert.ok(distance(left, right) <= near, `${printComposition(parseComposition(one))} and ${printComposition(parseComposition(other))} differ by ${distance(left, right)}`);
}

const row = (index: number): Record<string, Tensor> => Object.fromEntries(Object.entries(feeds).map(([name, { dtype, dims, data }]) => [name, { dtype, dims: [1, dims[1]!], data: data.slice(index * dims[1]!, (index + 1) * dims[1]!) }]));

for (const [name, config] of Object.entries(configs)) {
  describe(`blocks over ${name}`, () => {
    it("stack of one is the adapter itself", async () => same(await family(config), stack(["a"]), "a"));

    it("stack is associative, and its order matters", async () => {
      const model = await family(config);
      await same(model, stack([stack(["a", "b"]), "c"]), stack(["a", "b", "c"]));
      await same(model, stack(["a", stack(["b", "c"])]), stack(["a", "b", "c"]));
      // parallel bottlenecks all read the sub-block's input, so they are summed and commute
      if (config.method === "bottleneck" && name !== "parallel") assert.ok(distance(await states(model.with(stack(["a", "b"])), feeds), await states(model.with(stack(["b", "a"])), feeds)) > 1e-3);
    });

    it("another adapter in the same place gives its own result, and the first model keeps its", async () => {
      const model = await family(config);
      const a = model.with("a");
      const before = await states(a, feeds);
      const other = await states(model.with("b"), feeds);
      assert.ok(distance(before, other) > 1e-3);
      assert.equal(distance(await states(a, feeds), before), 0);
    });

    it("parallel gives each child's result, one copy after the other", async () => {
      const model = await family(config);
      const both = await states(model.with(parallel(["a", "b"])), feeds);
      assert.ok(distance(part(both, 0, 2), await states(model.with("a"), feeds)) <= near, "first child");
      assert.ok(distance(part(both, 1, 2), await states(model.with("b"), feeds)) <= near, "second child");
    });

    it("parallel stacks are the stacks alone", async () => {
      const model = await family(config);
      const both = await states(model.with(parallel([stack(["a", "c"]), stack(["b", "c"])])), feeds);
      assert.ok(distance(part(both, 0, 2), await states(model.with(stack(["a", "c"])), feeds)) <= near);
      assert.ok(distance(part(both, 1, 2), await states(model.with(stack(["b", "c"])), feeds)) <= near);
    });

    it("batchSplit gives each child its examples", async () => {
      const model = await family(config);
      const both = await states(model.with(batchSplit(["a", "b"], { batchSizes: 1 })), feeds);
      assert.ok(distance(part(both, 0, 2), await states(model.with("a"), row(0))) <= near);
      assert.ok(distance(part(both, 1, 2), await states(model.with("b"), row(1))) <= near);
    });

    it("a child of batchSplit may have no examples", async () => same(await family(config), batchSplit(["a", "b"], { batchSizes: [0, 2] }), "b"));

    it("split over the whole sequence is the adapter itself, and equal stretches of one adapter too", async () => {
      const model = await family(config);
      await same(model, split(["a"], { splits: [7] }), "a");
      await same(model, split(["a", "a"], { splits: [3, 4] }), "a");
    });

    it("an adapter left out of every layer changes nothing", async () => {
      const model = await family({ ...config, leaveOut: [0, 1, 2], ...(config.method === "bottleneck" ? { invertible: "none" } : {}) } as ModuleConfig);
      await same(model, "a", null);
      await same(model, stack(["a", "b"]), null);
      assert.deepEqual(model.module("a").parameters.names, []);
    });

    it("a layer left out has no parameters and passes blocks by", async () => {
      const adapters = [createAdapter("a", { ...config, leaveOut: [1] } as ModuleConfig), createAdapter("b", config)];
      const model = assemble(backbone, { adapters }) as AdaptedModel;
      opened.push(model);
      for (const adapter of adapters) await filled(model, adapter);
      const layers = new Set(model.module("a").parameters.names.map((parameter) => parameter.match(/^layer\.(\d+)/)?.[1]).filter((layer) => layer !== undefined));
      assert.deepEqual([...layers].sort(), ["0", "2"]);
      const both = await states(model.with(parallel(["a", "b"])), feeds);
      assert.ok(distance(part(both, 0, 2), await states(model.with("a"), feeds)) <= near, "parallel, first child");
      assert.ok(distance(part(both, 1, 2), await states(model.with("b"), feeds)) <= near, "parallel, second child");
      await same(model, batchSplit(["a", "b"], { batchSizes: [2, 0] }), "a");
      await same(model, split(["a"], { splits: 7 }), "a");
    });
  });
}

for (const name of ["pfeiffer", "houlsby", "adapterPlus", "parallel", "lora"] as const) {
  it(`average of one adapter with itself is the adapter (${name})`, async () => {
    const model = await family(configs[name]!);
    await same(model, average(["a", "a"]), "a");
    await same(model, average(["a", "b"], { weights: [1, 0] }), "a");
    await same(model, average(["a", "b"], { weights: [3, 1] }), average(["a", "b"], { weights: [0.75, 0.25] }));
  });
}

it("an average over an adapter that is absent from a layer counts the layer's own result for it", async () => {
  const adapters = [createAdapter("a", { ...configs["pfeiffer"]!, leaveOut: [0, 1, 2] } as ModuleConfig), createAdapter("b", configs["pfeiffer"]!)];
  const model = assemble(backbone, { adapters }) as AdaptedModel;
  opened.push(model);
  for (const adapter of adapters) await filled(model, adapter);
  await same(model, average(["a", "b"], { weights: [1, 0] }), null);
  await same(model, average(["a", "b"], { weights: [0, 1] }), "b");
});

it("fusing one adapter without a value matrix is the adapter, whatever query and key say", async () => {
  const model = await family(configs["pfeiffer"]!);
  const fusion = fuse(["a"], { value: false, module: "f" });
  const fused = model.with(fusion);
  await fused.predict(feeds);
  shake(fused.module("f").parameters, 9);
  assert.ok(distance(await states(fused, feeds), await states(model.with("a"), feeds)) <= near);
});

it("fusing equal adapters without a value matrix is the adapter, and the attention is even", async () => {
  const adapters = ["a", "b"].map((name) => createAdapter(name, configs["pfeiffer"]!));
  const model = assemble(backbone, { adapters }) as AdaptedModel;
  opened.push(model);
  for (const adapter of adapters) await filled(model, adapter);
  model.module("b").parameters.copyFrom(model.module("a").parameters);
  const outputs = await model.with(fuse(["a", "b"], { value: false, module: "f" })).predict(feeds);
  assert.deepEqual(Object.keys(outputs).sort(), ["attention/f/0/ffnOutput", "attention/f/1/ffnOutput", "attention/f/2/ffnOutput", "last_hidden_state"]);
  const attention = outputs["attention/f/1/ffnOutput"]!;
  assert.deepEqual(attention.dims, [2, 7, 2]);
  assert.ok([...(attention.data as Float32Array)].every((weight) => Math.abs(weight - 0.5) < 1e-6));
  assert.ok(distance(outputs["last_hidden_state"]!.data as Float32Array, await states(model.with("a"), feeds)) <= near);
});

it("a stack under a split, a batchSplit or a parallel acts before each of them", async () => {
  const model = await family(configs["pfeiffer"]!);
  const both = await states(model.with(stack(["c", parallel(["a", "b"])])), feeds);
  assert.ok(distance(part(both, 0, 2), await states(model.with(stack(["c", "a"])), feeds)) <= near);
  assert.ok(distance(part(both, 1, 2), await states(model.with(stack(["c", "b"])), feeds)) <= near);
  await same(model, stack(["c", split(["a", "a"], { splits: [2, 5] })]), stack(["c", "a"]));
});

it("models of one structure share a session, and another structure gets its own", async () => {
  const model = await family(configs["pfeiffer"]!);
  const sessions = (): number => (model as unknown as { programs: { programs: Map<string, unknown> } }).programs.programs.size;
  const before = sessions();
  for (const name of ["a", "b", "c"]) await states(model.with(name), feeds);
  assert.equal(sessions(), before);
  await states(model.with(stack(["a", "b"])), feeds);
  await states(model.with(stack(["c", "a"])), feeds);
  assert.equal(sessions(), before + 1);
});

describe("refusals", () => {
  const refuses = async (composition: Composition, message: RegExp, config: ModuleConfig = configs["pfeiffer"]!): Promise<void> => {
    const model = await family(config);
    await assert.rejects(async () => void (await model.with(composition).predict(feeds)), message);
  };
  it("a name that no module has", () => refuses(stack(["a", "aa"]), /unknown adapter "aa"; known: a, b, c/));
  it("a block that does not exist", () => refuses({ stak: ["a"] }, /exactly one of the keys average, batchSplit, fuse, parallel, split, stack, got stak/));
  it("two blocks at once", () => refuses({ stack: ["a"], fuse: ["b"] }, /exactly one of the keys/));
  it("no child", () => refuses(stack([]), /stack: needs a list of at least one child/));
  it("an option that the block does not have", () => refuses({ average: ["a"], weigths: [1] }, /unknown option of average "weigths"; known: normalize, weights — did you mean "weights"\?/));
  it("weights that do not fit the children", () => refuses(average(["a", "b"], { weights: [1] }), /average: needs 2 finite weights, one a child, got \[1\]/));
  it("weights that sum to nothing", () => refuses(average(["a", "b"], { weights: [1, -1] }), /sum to 0 and cannot be normalised/));
  it("splits that do not fit the children", () => refuses(split(["a", "b"], { splits: [1, 2, 3] }), /split: needs 2 positive lengths/));
  it("batch sizes that are missing", () => refuses(batchSplit(["a", "b"]), /batchSplit: needs 2 sizes/));
  it("a parallel inside a parallel", () => refuses(parallel(["a", parallel(["b", "c"])]), /a parallel block cannot stand inside another one/));
  it("a parallel inside a batchSplit", () => refuses(batchSplit([parallel(["a", "b"]), "c"], { batchSizes: [1, 1] }), /a parallel block cannot stand inside a batchSplit.* — put the batchSplit inside/));
  it("fusion over LoRA says which operation is missing where", () => refuses(fuse(["a", "b"]), /cannot act at linear sites: it needs attend, which they do not have — use stack there/, configs["lora"]!));
  it("an average of invertible adapters says so", () => refuses(average(["a", "b"]), /cannot act at embedding sites: it needs weightedSum/, configs["madxLanguage"]!));
  it("layouts that end the sub-block beside ones that do not", async () => {
    const adapters = [createAdapter("a", configs["pfeiffer"]!), createAdapter("b", configs["adapterPlus"]!)];
    const model = assemble(backbone, { adapters }) as AdaptedModel;
    opened.push(model);
    await assert.rejects(() => model.with(average(["a", "b"])).predict(feeds), /originalNormAfter differs/);
  });
  it("splits that do not sum to the sequence", () => refuses(split(["a", "b"], { splits: [2, 2] }), /split: 2 \+ 2 = 4 positions, but the batch has 7 — give sizes that sum to 7/));
  it("batch sizes that do not sum to the batch", () => refuses(batchSplit(["a", "b"], { batchSizes: [1, 3] }), /batchSplit: 1 \+ 3 = 4 examples, but the batch has 2/));
});

it("compositions are plain data: they print, save and compare", () => {
  const value = stack(["sw", fuse(["ner", "pos"], { module: "both" })]);
  assert.deepEqual(value, { stack: ["sw", { fuse: ["ner", "pos"], module: "both" }] });
  assert.equal(printComposition(parseComposition(JSON.parse(JSON.stringify(value)) as Composition)), "stack(sw, fuse(ner, pos))");
  assert.equal(blockNames.length, 6);
});
