import { createHash } from "node:crypto";
import { ModlinguaError } from "../base/index.js";
import { padBatch, paddedLength } from "../data/index.js";
import { type Examples, type MetricChoice, type PreparedExamples, chooseMetric, defaultMetric, goldOf, prepareExamples, scorePrepared, targetOf } from "../evaluation/index.js";
import { type Head, taskOf } from "../heads/index.js";
import type { AdaptedModel } from "../model/index.js";
import type { BatchSource, MicroBatch } from "./batchSource.js";
import { defaultTokenBudget, exampleSource } from "./exampleSource.js";
import { type LoopOptions, badOption, runTraining } from "./loop.js";
import type { TrainingReport } from "./report.js";

export interface TrainOptions extends LoopOptions {
  /** Names of the modules that move; everything else is frozen. */
  readonly train: readonly string[];
  /** Whether the head moves too; true by default. */
  readonly head?: boolean;
  readonly data: Examples;
  /** Scored every `evaluateEvery` steps (by default once a pass); the parameters of the best score are kept. */
  readonly dev?: Examples;
  /** By default span F1 where the head's labels are span tags, else accuracy. */
  readonly metric?: MetricChoice;
  /** Passes over the data, 3 by default; `steps` may be given instead. */
  readonly epochs?: number;
  readonly steps?: number;
  /** Examples an optimizer step, 16 by default. */
  readonly batchSize?: number;
  /** Most pieces at once, `defaultTokenBudget` by default; a step is split into such micro-batches, which changes nothing but memory and speed. */
  readonly tokenBudget?: number;
  /** Longest input in pieces; by default what the encoder takes. */
  readonly maxLength?: number;
  /** Seed of the order of examples, 0 by default. (Initial parameters follow from the seed of each module.) */
  readonly seed?: number;
}

/**
 * Trains modules and head on labelled examples; the rest of the model is frozen.
 * @example await train(model, { train: ["ner"], data: await loadDataset("townhall", "en"), epochs: 5 })
 */
export async function train(model: AdaptedModel, options: TrainOptions): Promise<TrainingReport> {
  const { train: names, head: trainHead = true, data, dev, metric, epochs, steps, batchSize = 16, tokenBudget = defaultTokenBudget, maxLength, seed = 0, ...loop } = options;
  const head = requireHead(model);
  const choice = chooseMetric(metric ?? defaultMetric(head));
  const prepared = await prepareExamples(model, data, "the training set", maxLength);
  refuseOneClass(prepared);
  const held = dev === undefined ? undefined : await prepareExamples(model, dev, "the dev set", maxLength);
  const program = await model.training(trainHead && !names.includes(head.name) ? [...names, head.name] : names);
  const source = labelledSource(head, prepared, { batchSize, tokenBudget, seed });
  return runTraining({
    ...loop, task: `train ${names.join(", ")}`, program, source, seed, steps: stepsOf(epochs, steps, source.stepsPerEpoch!), goal: "highest",
    config: {
      seed, batchSize, tokenBudget, metric: { name: choice.metric.name, ...choice.options }, data: fingerprint(prepared), devData: held && fingerprint(held),
      base: model.backbone.fingerprint, composition: model.composition,
    },
    ...(held === undefined ? {} : {
      evaluate: async (signal) => {
        const { score } = await scorePrepared(model, held, { signal, ...(metric === undefined ? {} : { metric }) });
        return { score };
      },
    }),
  });
}

/** A head that only ever sees one label learns to say it always, whatever the text. */
function refuseOneClass({ examples }: PreparedExamples): void {
  const [label, ...others] = new Set(examples.flatMap((example) => goldOf(example)));
  if (others.length > 0 || label === undefined) return;
  throw new ModlinguaError("data", `the training set has the label ${JSON.stringify(label)} only, so there is nothing to learn`, { remedy: "give examples of at least two labels" });
}

function requireHead({ head }: AdaptedModel): Head {
  if (head === undefined) throw new ModlinguaError("training", "a model without a head has no loss", { remedy: "assemble it with a head, e.g. createHead(\"tagging\", { labels })" });
  return head;
}

function stepsOf(epochs: number | undefined, steps: number | undefined, stepsPerEpoch: number): number {
  if (steps !== undefined && epochs !== undefined) throw badOption("epochs", epochs, "left out where steps is given: one follows from the other");
  if (epochs !== undefined && !(epochs > 0)) throw badOption("epochs", epochs, "a number above 0");
  return steps ?? Math.max(1, Math.round((epochs ?? 3) * stepsPerEpoch));
}

function labelledSource({ task, config }: Head, { examples, encoded, tokenizer }: PreparedExamples, options: { readonly batchSize: number; readonly tokenBudget: number; readonly seed: number }): BatchSource {
  const entry = taskOf(task);
  const batchOf = (indices: readonly number[]): MicroBatch => {
    const rows = indices.map((index) => encoded[index]!);
    const batch = { encoded: rows, length: paddedLength(rows) };
    const { feeds, count } = entry.trainFeeds(batch, indices.map((index) => targetOf(examples[index]!)), config);
    return { feeds: { ...padBatch(rows, tokenizer.pad), ...feeds }, count, tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0) };
  };
  return exampleSource({ lengths: encoded.map(({ ids }) => ids.length), batchOf, ...options });
}

/** A hash of ids and labels, by which a resumed run notices that its data are others. */
function fingerprint({ encoded, examples }: PreparedExamples): string {
  const hash = createHash("sha256");
  encoded.forEach(({ ids }, index) => hash.update(`${ids.join()};${JSON.stringify(targetOf(examples[index]!))}\n`));
  return hash.digest("hex").slice(0, 16);
}
