import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { type OptimizerName, type Parameter, clipByGlobalNorm, globalNorm, initialState, learningRateAt, optimizerOf } from "#src/training/index.js";
import { float32, randomStream } from "#src/base/index.js";

interface Fixture {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly start: readonly [number[], number[]];
  readonly steps: readonly { readonly gradients: readonly number[][]; readonly after: readonly number[][] }[];
}

function parametersOf([matrix, bias]: Fixture["start"]): Parameter[] {
  return [
    { module: "m", name: "weight", tensor: float32([3, 4], matrix) },
    { module: "m", name: "bias", tensor: float32([4], bias) },
  ];
}

test("AdamW takes torch's steps, decaying the matrix and not the bias", () => {
  const { learningRate, weightDecay, start, steps } = JSON.parse(readFileSync("test/training/adamw.json", "utf8")) as Fixture;
  const parameters = parametersOf(start);
  const adamW = optimizerOf("adamW");
  const state = initialState(adamW, parameters);
  for (const { gradients, after } of steps) {
    adamW.update(parameters, gradients.map((gradient) => Float32Array.from(gradient)), state, learningRate, { weightDecay });
    parameters.forEach(({ tensor }, p) => tensor.data.forEach((value, i) => assert.ok(Math.abs(value - after[p]![i]!) < 2e-6, `step ${state.step}, tensor ${p}, ${i}: ${value} for ${after[p]![i]}`)));
  }
  assert.equal(state.step, 6);
});

test("AdamW is the algorithm of its paper, written out", () => {
  const parameters: Parameter[] = [{ module: "m", name: "w", tensor: float32([1, 2], [1, -2]) }];
  const adamW = optimizerOf("adamW");
  const state = initialState(adamW, parameters);
  const reference = [1, -2].map((p) => ({ p, m: 0, v: 0 }));
  for (let t = 1; t <= 5; t++) {
    const gradient = [0.3 * t, -0.1 / t];
    adamW.update(parameters, [Float32Array.from(gradient)], state, 0.01, { weightDecay: 0.2 });
    reference.forEach((r, i) => {
      r.m = 0.9 * r.m + 0.1 * gradient[i]!;
      r.v = 0.999 * r.v + 0.001 * gradient[i]! ** 2;
      r.p = r.p - 0.01 * 0.2 * r.p - (0.01 * (r.m / (1 - 0.9 ** t))) / (Math.sqrt(r.v / (1 - 0.999 ** t)) + 1e-8);
      assert.ok(Math.abs(parameters[0]!.tensor.data[i]! - r.p) < 1e-6);
    });
  }
});

test("SGD moves against the gradient", () => {
  const parameters = parametersOf([new Array<number>(12).fill(1), [1, 1, 1, 1]]);
  const sgd = optimizerOf("sgd");
  const state = initialState(sgd, parameters);
  sgd.update(parameters, [new Float32Array(12).fill(2), new Float32Array(4).fill(2)], state, 0.1, { weightDecay: 0.5 });
  assert.ok(Math.abs(parameters[0]!.tensor.data[0]! - 0.75) < 1e-6);
  assert.ok(Math.abs(parameters[1]!.tensor.data[0]! - 0.8) < 1e-6);
});

test("an unknown optimizer is named with those that exist", () => {
  assert.throws(() => optimizerOf("adam" as OptimizerName), /unknown optimizer "adam"; known: adamW, sgd/);
});

test("clipping keeps the direction and bounds the norm over all tensors", () => {
  const random = randomStream(1, "gradients");
  const gradients = [7, 11].map((length) => Float32Array.from({ length }, () => random.normal()));
  const before = gradients.map((gradient) => gradient.slice());
  const norm = clipByGlobalNorm(gradients, 0.5);
  assert.ok(Math.abs(norm - Math.sqrt(before.flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0))) < 1e-6);
  assert.ok(Math.abs(globalNorm(gradients) - 0.5) < 1e-6);
  gradients.forEach((gradient, t) => gradient.forEach((value, i) => assert.ok(Math.abs(value - (before[t]![i]! * 0.5) / norm) < 1e-6)));
  const small = [Float32Array.of(0.1, 0.1)];
  clipByGlobalNorm(small, 1);
  assert.deepEqual(small, [Float32Array.of(0.1, 0.1)]);
});

test("schedules rise to the learning rate and fall from it", () => {
  const rates = (schedule: "constant" | "linear" | "cosine", warmup: number): number[] =>
    Array.from({ length: 10 }, (_, step) => learningRateAt({ schedule, warmup, learningRate: 2 }, step, 10));
  assert.deepEqual(rates("constant", 4), [0.5, 1, 1.5, 2, 2, 2, 2, 2, 2, 2]);
  assert.deepEqual(rates("constant", 0.4), rates("constant", 4));
  assert.deepEqual(rates("linear", 0).map((rate) => Number(rate.toFixed(6))), [2, 1.8, 1.6, 1.4, 1.2, 1, 0.8, 0.6, 0.4, 0.2]);
  const cosine = rates("cosine", 2);
  assert.equal(cosine[2], 2);
  assert.ok(Math.abs(cosine[6]! - 1) < 1e-12);
  assert.ok(cosine.slice(2).every((rate, i, all) => i === 0 || rate < all[i - 1]!));
});
