import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { float32, int64 } from "#src/base/index.js";
import { type DropoutUnit, type ModuleConfig, createAdapter, dropout } from "#src/computation/index.js";
import { createHead } from "#src/heads/index.js";
import { type TrainingProgram, assemble } from "#src/model/index.js";
import { Graph, GraphBuilder } from "#src/onnx/index.js";
import { open } from "../autodiff/open.js";
import { distance, shake, tinyFeeds, tinyTargets } from "../model/batch.js";
import { directionalError } from "../model/derivative.js";
import { openTiny } from "../model/tiny.js";

const dims = [16, 32, 48] as const;
const [sequences, length, width] = dims;
const rate = 0.3;

/** Masks of two places, over ones. */
async function masks(unit: DropoutUnit, seed: number): Promise<readonly Float32Array[]> {
  const graph = new Graph();
  const b = new GraphBuilder(graph);
  const x = b.input("x", "float32", ["batch", "sequence", width]);
  const input = b.input("seed", "int64", []);
  graph.outputs.push(dropout(b, x, rate, unit, input, 1), dropout(b, x, rate, unit, input, 2));
  const run = await open(graph);
  const results = await run({ x: float32(dims, new Float32Array(sequences * length * width).fill(1)), seed: int64([], [seed]) });
  return graph.outputs.map(({ name }) => results[name]!.data as Float32Array);
}

/** Shares of ones that drop out, for groups of numbers that `groupOf` tells apart. */
function shares(mask: Float32Array, groups: number, groupOf: (index: number) => number): number[] {
  const dropped = new Array<number>(groups).fill(0);
  mask.forEach((value, index) => void (dropped[groupOf(index)]! += value === 0 ? 1 : 0));
  return dropped.map((count) => (count * groups) / mask.length);
}

/** Variance of the shares ÷ that of as many independent draws: 1 for a good mask. */
function dispersion(found: readonly number[], total: number): number {
  const variance = found.reduce((sum, share) => sum + (share - rate) ** 2, 0) / found.length;
  return variance / ((rate * (1 - rate) * found.length) / total);
}

const agreement = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + ((value === 0) === (b[i] === 0) ? 1 : 0), 0) / a.length;

describe("the mask of dropout", () => {
  it("leaves out the share that is asked for and scales the rest up, evenly over rows and columns", async () => {
    for (const seed of [0, 1, 2, 123456789, 2147483646]) {
      const [mask] = await masks("numbers", seed);
      assert.deepEqual([...new Set(mask)].sort(), [0, Math.fround(1 / (1 - rate))]);
      const [share] = shares(mask!, 1, () => 0);
      assert.ok(Math.abs(share! - rate) < 4 * Math.sqrt((rate * (1 - rate)) / mask!.length), `${share} of seed ${seed}`);
      const rows = dispersion(shares(mask!, sequences * length, (index) => Math.floor(index / width)), mask!.length);
      const columns = dispersion(shares(mask!, width, (index) => index % width), mask!.length);
      assert.ok(rows > 0.75 && rows < 1.3 && columns > 0.4 && columns < 2, `dispersion ${rows} over rows, ${columns} over columns`);
    }
  });

  it("is the same for the same seed, and independent of those of other seeds and places", async () => {
    const [first, second] = await masks("numbers", 7);
    assert.deepEqual((await masks("numbers", 7))[0], first);
    const independent = rate ** 2 + (1 - rate) ** 2;
    for (const other of [second!, (await masks("numbers", 8))[0]!, (await masks("numbers", 9))[0]!]) {
      assert.ok(Math.abs(agreement(first!, other) - independent) < 0.02, `${agreement(first!, other)} against ${independent}`);
    }
  });

  it("of sequences leaves out whole ones", async () => {
    let dropped = 0;
    for (let seed = 0; seed < 20; seed++) {
      const [mask] = await masks("sequences", seed);
      const found = shares(mask!, sequences, (index) => Math.floor(index / (length * width)));
      assert.ok(found.every((share) => share === 0 || share === 1));
      dropped += found.filter((share) => share === 1).length;
    }
    assert.ok(Math.abs(dropped / (20 * sequences) - rate) < 0.1, `${dropped} of ${20 * sequences}`);
  });
});

const backbone = openTiny("bert-opset17");
const feeds = { ...tinyFeeds(backbone), ...tinyTargets() };
const configs: Readonly<Record<string, ModuleConfig>> = {
  bottleneck: { method: "bottleneck", reductionFactor: 2, nonLinearity: "gelu", dropout: 0.4 },
  "stochastic depth": { method: "bottleneck", reductionFactor: 2, nonLinearity: "gelu", scaling: "learned", stochasticDepth: 0.5 },
  lora: { method: "lora", dropout: 0.4 },
};

/** Does something with the training step of a shaken adapter that drops out. */
async function withStep(config: ModuleConfig, use: (step: TrainingProgram, model: ReturnType<typeof modelOf>) => Promise<void>): Promise<void> {
  const model = modelOf(config);
  const step = await model.training(["a"]);
  shake(model.module("a").parameters, 3);
  await use(step, model).finally(() => model.close());
}

function modelOf(config: ModuleConfig) {
  const head = createHead("tagging", { labels: ["a", "b", "c", "d", "e"], pieces: "first" });
  return assemble(backbone, { adapters: [createAdapter("a", config)], composition: "a", head });
}

const seeded = (seed: number): typeof feeds => ({ ...feeds, dropoutSeed: int64([], [seed]) });

for (const [name, config] of Object.entries(configs)) {
  describe(`dropout of ${name}`, () => {
    it("decides the training step by its seed, with right gradients", () => withStep(config, async (step) => {
      const [first, again, other] = [await step.run(seeded(5)), await step.run(seeded(5)), await step.run(seeded(6))];
      assert.deepEqual(again, first);
      assert.notEqual(other.loss, first.loss);
      assert.ok(await directionalError(step, seeded(5)) < 2e-3);
    }));

    it("is nothing in prediction", () => withStep(config, async (_, model) => {
      const still = assemble(backbone, { adapters: [{ ...createAdapter("a", { ...config, dropout: 0, ...(config.method === "bottleneck" ? { stochasticDepth: 0 } : {}) } as ModuleConfig), parameters: model.module("a").parameters }], composition: "a" });
      const states = async (one: typeof still): Promise<Float32Array> => (await one.predict(tinyFeeds(backbone)))["last_hidden_state"]!.data as Float32Array;
      assert.equal(distance(await states(model.withHead(undefined) as never), await states(still)), 0);
      await still.close();
    }));
  });
}
