import { ModlinguaError, type ProgressListener, throwIfAborted } from "../base/index.js";
import { type Encoded, type Tokenizer, lengthBatches, padBatch, paddedLength } from "../data/index.js";
import { taskOf } from "../heads/index.js";
import type { AdaptedModel } from "../model/index.js";

export interface RunOptions {
  /** Most pieces at once, padding included; 2048 by default. */
  readonly tokenBudget?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** Runs a model over encoded inputs, those of equal length together, and gives the head's predictions in the order of the inputs. */
export async function runBatches(model: AdaptedModel, tokenizer: Tokenizer, encoded: readonly Encoded[], task: string, { tokenBudget = 2048, signal, onProgress }: RunOptions): Promise<unknown[]> {
  if (model.head === undefined) throw new ModlinguaError("config", "a model without a head predicts nothing", { remedy: "assemble it with a head" });
  if (model.copies > 1) throw new ModlinguaError("config", `${model.composition} gives ${model.copies} predictions for each input`, { remedy: "take the children of the parallel block one by one, each in a composition of its own" });
  const { config } = model.head;
  const head = taskOf(model.head.task);
  const predictions = new Array<unknown>(encoded.length);
  let done = 0;
  for (const indices of lengthBatches(encoded.map(({ ids }) => ids.length), { tokenBudget, maxRows: 64 })) {
    throwIfAborted(signal, task);
    const rows = indices.map((index) => encoded[index]!);
    const batch = { encoded: rows, length: paddedLength(rows) };
    const feeds = { ...padBatch(rows, tokenizer.pad), ...head.predictFeeds(batch, config) };
    const { logits } = await model.predict(feeds, { outputs: ["logits"], ...(signal === undefined ? {} : { signal }) });
    head.decode(logits!, batch, config).forEach((prediction, row) => void (predictions[indices[row]!] = prediction));
    onProgress?.({ task, done: done += rows.length, total: encoded.length, unit: "sentences" });
  }
  return predictions;
}
