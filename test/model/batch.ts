import type { Backbone } from "#src/backbone/index.js";
import { type Tensor, float32, int64, randomStream } from "#src/base/index.js";
import type { ParameterTable } from "#src/computation/index.js";
import { type AdaptedModel } from "#src/model/index.js";
import { ints } from "./tiny.js";

/** Two sentences for the tiny encoders, the second padded. */
export function tinyFeeds({ config, graph }: Backbone): Record<string, Tensor> {
  const pad = config.padId;
  const feeds: Record<string, Tensor> = {
    input_ids: ints([[2, 84, 17, 110, 45, 67, 3], [2, 20, 92, 3, pad, pad, pad]]),
    attention_mask: ints([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]),
  };
  return graph.inputs.some(({ name }) => name === "token_type_ids") ? { ...feeds, token_type_ids: ints([[0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]]) } : feeds;
}

/** What a tagging head of five labels needs to be trained on those sentences. */
export function tinyTargets(): Record<string, Tensor> {
  const rows = [1, 2, 3, 4, 5, 8, 9];
  return { rows: int64([7], rows), labels: int64([7], [3, 0, 4, 1, 2, 2, 1]), lossScale: float32([], [1 / 7]), dropoutSeed: int64([], [1]) };
}

/** Gives every parameter a number of its own, so that nothing is hidden by a zero at the start. */
export function shake(parameters: ParameterTable, seed = 1, size = 0.2): void {
  for (const [name, { data }] of parameters.entries()) {
    const random = randomStream(seed, name);
    for (let i = 0; i < data.length; i++) data[i] = size * random.normal();
  }
  parameters.touch();
}

/** Last hidden states as plain numbers, [batch · copies, sequence, width]. */
export async function states(model: AdaptedModel, feeds: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
  return (await model.predict(feeds, { outputs: ["last_hidden_state"] }))["last_hidden_state"]!.data as Float32Array;
}

/** Child `index` of `count` equal parts. */
export function part(values: Float32Array, index: number, count: number): Float32Array {
  const size = values.length / count;
  return values.slice(index * size, (index + 1) * size);
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return Number.isNaN(most) ? Infinity : most;
}
