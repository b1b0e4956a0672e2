import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type FullConfig, type ModuleConfig, completeConfig, createAdapter, methodNames, methodOf } from "#src/computation/index.js";
import { createHead } from "#src/heads/index.js";
import { loadAdapter, saveModule } from "#src/hub/moduleFile.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";
import { distance, shake, states, tinyFeeds, tinyTargets } from "../model/batch.js";
import { directionalError } from "../model/derivative.js";
import { openTiny } from "../model/tiny.js";

/** What a method promises. Every entry of the methods folder needs one. */
interface Promise_ {
  /** Presets whose fresh module changes nothing. */
  readonly silent: readonly string[];
  /** Parameters that, set to zero, make any module of the method silent. */
  readonly silencers: RegExp;
  /** Numbers in a module, by the formula of the literature. */
  count(config: FullConfig, shape: Shape): number;
}

interface Shape {
  readonly hidden: number;
  readonly inner: number;
  readonly layers: number;
}

const promises: Readonly<Record<string, Promise_>> = {
  bottleneck: { silent: ["parallel", "scaledParallel"], silencers: /up\.(weight|bias)$/, count: bottleneckCount },
  lora: { silent: ["lora"], silencers: /\.B$/, count: loraCount },
};

/** A place and layer: 2Hd + d + H, with d = max(1, ⌊H ÷ r⌋), and a scale; NICE: two networks of half the width. */
function bottleneckCount(config: FullConfig, { hidden: H, layers }: Shape): number {
  if (config.method !== "bottleneck") throw new Error("not a bottleneck");
  const d = Math.max(1, Math.floor(H / (config.reductionFactor as number)));
  const scale = config.scaling === "channel" ? H : config.scaling === "learned" ? 1 : 0;
  const half = H / 2;
  const k = Math.floor(half / config.invertibleReductionFactor);
  const bijection = config.invertible === "nice" ? 2 * (2 * half * k + k + half) : 0;
  return config.places.length * (layers - config.leaveOut.length) * (2 * H * d + d + H + scale) + bijection;
}

function loraCount(config: FullConfig, { hidden: H, inner, layers }: Shape): number {
  if (config.method !== "lora") throw new Error("not LoRA");
  const ends: Readonly<Record<string, number>> = { intermediate: H + inner, output: inner + H };
  return config.targets.reduce((sum, target) => sum + config.rank * (ends[target] ?? 2 * H), 0) * (layers - config.leaveOut.length);
}

const backbone = openTiny("bert-opset17");
const shape: Shape = { hidden: backbone.config.hidden, inner: 48, layers: backbone.config.layers };
const feeds = tinyFeeds(backbone);
const folder = mkdtempSync(join(tmpdir(), "modlingua-methods-"));
after(() => rmSync(folder, { recursive: true, force: true }));

it("every method has a promise here, and every promise a method", () => {
  assert.deepEqual(Object.keys(promises).sort(), methodNames().sort());
});

it("the formulas give the published numbers (AdapterHub, XLM-R base and MiniLM)", () => {
  const base = { hidden: 768, inner: 3072, layers: 12 };
  const count = (config: ModuleConfig, of: Shape): number => promises[config.method]!.count(completeConfig(config), of);
  assert.equal(count({ method: "bottleneck" }, base), 894_528);
  assert.equal(count({ method: "bottleneck", preset: "madxLanguage" }, base), 7_387_776);
  assert.equal(count({ method: "bottleneck", preset: "houlsby" }, base), 1_789_056);
  assert.equal(count({ method: "bottleneck", preset: "parallel" }, base), 7_091_712);
  assert.equal(count({ method: "lora" }, base), 294_912);
  assert.equal(count({ method: "bottleneck" }, { hidden: 384, inner: 1536, layers: 12 }), 226_080);
});

for (const method of methodNames()) {
  for (const preset of Object.keys(methodOf(method).presets)) {
    const { silent, silencers, count } = promises[method]!;
    const config = { method, preset } as ModuleConfig;

    describe(`${method}, ${preset}`, () => {
      it("holds as many numbers as the formula says", async () => {
        const adapter = createAdapter("a", config);
        await withModel(config, async (model) => void (await states(model, feeds)), adapter);
        assert.equal(adapter.parameters.count, count(adapter.config, shape));
      });

      it(silent.includes(preset) ? "changes nothing at the start" : "is silent once its last projections are zero", async () => {
        const adapter = createAdapter("a", config);
        await withModel(config, async (model) => {
          const plain = await states(model.with(null), feeds);
          const fresh = await states(model, feeds);
          if (silent.includes(preset)) return void assert.ok(distance(fresh, plain) <= 2e-6, `changes by ${distance(fresh, plain)}`);
          assert.ok(distance(fresh, plain) > 1e-4, "a fresh module of this preset acts");
          shake(adapter.parameters);
          for (const [name, { data }] of adapter.parameters.entries()) if (silencers.test(name)) data.fill(0);
          adapter.parameters.touch();
          assert.ok(distance(await states(model, feeds), plain) <= 2e-6, "acts with zero projections");
        }, adapter);
      });

      it("acts in every layer once it has parameters", async () => {
        const adapter = createAdapter("a", config);
        await withModel(config, async (model) => {
          const plain = await states(model, feeds);
          shake(adapter.parameters);
          for (const [name, { data }] of adapter.parameters.entries()) {
            const before = data.slice();
            data.forEach((value, index) => (data[index] = value + 0.5));
            adapter.parameters.touch();
            assert.ok(distance(await states(model, feeds), plain) > 1e-6, `${name} is not read`);
            data.set(before);
          }
        }, adapter);
      });

      it("has gradients that agree with central differences", async () => {
        // a smooth activation: a difference quotient across relu's corner says nothing about the method
        const smooth = { ...config, ...(method === "bottleneck" ? { nonLinearity: "gelu" } : {}) } as ModuleConfig;
        const adapter = createAdapter("a", smooth);
        await withModel(smooth, async (model) => assert.ok((await gradientError(model, adapter.name)) < 2e-3), adapter);
      });

      it("is saved, loaded and saved again as the same bytes", async () => {
        const adapter = createAdapter("a", config, { seed: 3 });
        await withModel(config, async (model) => {
          const before = await states(model, feeds);
          shake(adapter.parameters);
          const shaken = await states(model, feeds);
          assert.ok(distance(before, shaken) > 0);
          const first = saveModule(adapter, join(folder, `${method}-${preset}-1.safetensors`));
          const loaded = loadAdapter(first);
          assert.deepEqual(loaded.config, adapter.config);
          assert.deepEqual(loaded.base, adapter.base);
          assert.deepEqual(readFileSync(saveModule(loaded, join(folder, `${method}-${preset}-2.safetensors`))), readFileSync(first));
          const again = assemble(backbone, { adapters: [loaded], composition: loaded });
          assert.equal(distance(await states(again, feeds), shaken), 0);
          await again.close();
        }, adapter);
      });
    });
  }
}

async function withModel(config: ModuleConfig, use: (model: AdaptedModel) => Promise<void>, adapter = createAdapter("a", config)): Promise<void> {
  const head = createHead("tagging", { labels: ["a", "b", "c", "d", "e"], pieces: "first" }, { name: "tags" });
  const model = assemble(backbone, { adapters: [adapter], composition: adapter, head }) as AdaptedModel;
  try {
    await use(model.withHead(undefined));
  } finally {
    await model.close();
  }
}

async function gradientError(bare: AdaptedModel, adapter: string): Promise<number> {
  const head = createHead("tagging", { labels: ["a", "b", "c", "d", "e"], pieces: "first" }, { name: "tags" });
  const step = await (bare.withHead(head) as AdaptedModel).training([adapter, "tags"]);
  shake(bare.module(adapter).parameters);
  shake(head.parameters, 2);
  return directionalError(step, { ...feeds, ...tinyTargets() });
}
