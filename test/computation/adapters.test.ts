import assert from "node:assert/strict";
import { it } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { type ModuleConfig, completeConfig, createAdapter, methodOf } from "#src/computation/index.js";
import { assemble } from "#src/model/index.js";
import { distance, states, tinyFeeds } from "../model/batch.js";
import { openTiny } from "../model/tiny.js";

const backbone = openTiny("bert-opset17");
const feeds = tinyFeeds(backbone);

function refuses(config: object, message: RegExp): void {
  assert.throws(() => {
    const adapter = createAdapter("a", config as ModuleConfig);
    methodOf(adapter.config.method).check(adapter.config, backbone.config);
  }, (error: unknown) => {
    assert.ok(error instanceof ModlinguaError);
    assert.match(error.message, message);
    return true;
  });
}

it("a configuration is completed with its preset, then with the method's defaults", () => {
  const config = completeConfig({ method: "bottleneck", preset: "madxLanguage", nonLinearity: "gelu" });
  assert.deepEqual([config.method, "reductionFactor" in config && config.reductionFactor, "invertible" in config && config.invertible, "nonLinearity" in config && config.nonLinearity], ["bottleneck", 2, "nice", "gelu"]);
});

it("unknown methods, presets and keys are refused with what exists", () => {
  refuses({ method: "botleneck" }, /unknown adapter method "botleneck"; known: bottleneck, lora — did you mean "bottleneck"\?/);
  refuses({ method: "bottleneck", preset: "pfeifer" }, /unknown preset of the method bottleneck "pfeifer"; known: .* did you mean "pfeiffer"\?/);
  refuses({ method: "lora", r: 8 }, /unknown key of the method lora "r"; known: alpha, dropout, gating, init, leaveOut, rank, targets/);
});

it("values that mean nothing are refused with key, value and what was expected", () => {
  refuses({ method: "bottleneck", reductionFactor: 0 }, /reductionFactor/);
  refuses({ method: "bottleneck", reductionFactor: -2 }, /reductionFactor must be a positive number/);
  refuses({ method: "bottleneck", reductionFactor: { "0": 8 } }, /reductionFactor must be a map with an entry for layer 1 or a "default"/);
  refuses({ method: "bottleneck", places: [] }, /places must be at least one of attentionOutput, ffnOutput/);
  refuses({ method: "bottleneck", places: ["ffnOutptu"] }, /places/);
  refuses({ method: "bottleneck", leaveOut: [3] }, /leaveOut must be layer numbers from 0 to 2, got \[3\]/);
  refuses({ method: "bottleneck", scaling: "none" }, /scaling must be a number, "learned" or "channel", got "none"/);
  refuses({ method: "bottleneck", invertible: "realnvp" }, /invertible must be one of none, nice, glow/);
  refuses({ method: "bottleneck", init: "xavier" }, /init must be one of bert, mamAdapter, houlsby/);
  refuses({ method: "lora", rank: 1.5 }, /rank must be a positive whole number, got 1\.5/);
  refuses({ method: "bottleneck", dropout: 1 }, /dropout must be a number from 0 to below 1, got 1/);
  refuses({ method: "bottleneck", preset: "parallel", stochasticDepth: 0.1 }, /stochasticDepth must be 0 where parallel is true, got 0\.1/);
  refuses({ method: "lora", dropout: -0.1 }, /dropout must be a number from 0 to below 1, got -0\.1/);
  refuses({ method: "lora", targets: [] }, /targets must be at least one projection/);
});

it("a projection that the encoder does not have is refused with those it has", async () => {
  const adapter = createAdapter("a", { method: "lora", targets: ["querry"] });
  await assert.rejects(async () => assemble(backbone, { adapters: [adapter], composition: adapter }).prepare(),
    /targets must be some of query, key, value, attentionOutput, intermediate, output for bert encoders, got \["querry"\]/);
});

it("an activation that does not exist is refused with those that do", async () => {
  const adapter = createAdapter("a", { method: "bottleneck", nonLinearity: "rellu" });
  await assert.rejects(() => assemble(backbone, { adapters: [adapter], composition: adapter }).prepare(), /unknown activation function "rellu"; known: .* did you mean "relu"\?/);
});

it("a name that could not be a file is refused", () => {
  for (const name of ["", "a/b", " a", "a\nb"]) assert.throws(() => createAdapter(name), /cannot name an adapter/);
  assert.equal(createAdapter("sw wiki@2.1").name, "sw wiki@2.1");
});

it("a start follows from seed and name alone", async () => {
  const make = async (name: string, seed: number): Promise<Float32Array> => {
    const adapter = createAdapter(name, { method: "bottleneck" }, { seed });
    const model = assemble(backbone, { adapters: [adapter], composition: adapter });
    await states(model, feeds);
    await model.close();
    return adapter.parameters.get("layer.0.ffnOutput.down.weight")!.data;
  };
  const first = await make("a", 1);
  assert.equal(distance(first, await make("a", 1)), 0);
  assert.ok(distance(first, await make("a", 2)) > 0);
  assert.ok(distance(first, await make("b", 1)) > 0);
  const std = Math.sqrt(first.reduce((sum, value) => sum + value * value, 0) / first.length);
  assert.ok(std > 0.01 && std < 0.04, `N(0, 0.02), got a deviation of ${std}`);
});

it("an adapter made for another encoder is refused with what differs", async () => {
  const adapter = createAdapter("a", { method: "bottleneck" });
  const model = assemble(backbone, { adapters: [adapter], composition: adapter });
  await states(model, feeds);
  await model.close();
  assert.throws(() => assemble(openTiny("minilm-opset14"), { adapters: [adapter], composition: adapter }), /the adapter "a" was made for .* and does not fit .*: hidden size 24 against 16/);
  assert.throws(() => assemble(openTiny("xlm-roberta-opset17"), { adapters: [adapter], composition: adapter }), /family bert against xlm-roberta/);
});

it("an adapter holding a tensor of another shape is refused by its name", async () => {
  const adapter = createAdapter("a", { method: "bottleneck", reductionFactor: 4 });
  const model = assemble(backbone, { adapters: [adapter], composition: adapter });
  await states(model, feeds);
  await model.close();
  const other = createAdapter("a", { method: "bottleneck", reductionFactor: 2 });
  for (const [name, tensor] of adapter.parameters.entries()) other.parameters.set(name, tensor);
  await assert.rejects(() => assemble(backbone, { adapters: [other], composition: other }).predict(feeds), /the module "a" holds layer\.0\.ffnOutput\.down\.weight as \[24, 6\], but this model needs \[24, 12\]/);
});
