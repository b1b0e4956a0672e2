import { ModlinguaError } from "../base/index.js";
import type { Encoded, Tokenizer } from "../data/index.js";
import type { ClassPrediction, Head, TagPrediction } from "../heads/index.js";
import type { AdaptedModel } from "../model/index.js";
import { type Counts, missed, sumCounts } from "./counts.js";
import { type Examples, type LabelledExample, encodeExample, examplesFor, goldOf, wordsRead } from "./examples.js";
import { type ChosenMetric, type MetricChoice, type Score, chooseMetric, countLabels } from "./metric.js";
import { type RunOptions, runBatches } from "./runBatches.js";
import { spanSchemeOf } from "./spans.js";
import { longestInput, tokenizerOf } from "./tokenizerOf.js";

export interface EvaluateOptions extends RunOptions {
  /** By default span F1 where the head's labels are span tags, else accuracy. */
  readonly metric?: MetricChoice;
  /** Longest input in pieces; by default what the encoder takes. */
  readonly maxLength?: number;
}

export interface Evaluation {
  readonly metric: string;
  /** The metric's options, completed. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly score: number;
  readonly parts: Score["parts"];
  /** Examples. */
  readonly n: number;
  /** Raw counts of each example, in order; they sum to what the score was computed from. */
  readonly counts: readonly Counts[];
  /** What the head said of each example, in order. */
  readonly predictions: readonly (TagPrediction | ClassPrediction)[];
  /** Words that did not fit into the encoder's input. In tagging they count as missed. */
  readonly truncatedWords: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Examples checked and encoded once, so that the same set can be scored many times. */
export interface PreparedExamples {
  readonly examples: readonly LabelledExample[];
  readonly encoded: readonly Encoded[];
  readonly tokenizer: Tokenizer;
}

/**
 * Scores a model with a tagging or classification head on labelled examples.
 * Refuses, before anything is run, what cannot be scored: an empty set, placeholder or unknown labels, another task; and
 * afterwards sets of one class or without an entity. The score is never NaN.
 */
export async function evaluate(model: AdaptedModel, data: Examples, options: EvaluateOptions = {}): Promise<Evaluation> {
  return scorePrepared(model, await prepareExamples(model, data, "the evaluation set", options.maxLength), options);
}

/** Checks examples against a model's head and encodes them. `what` names the set in messages. */
export async function prepareExamples({ backbone, head }: AdaptedModel, data: Examples, what: string, maxLength = Infinity): Promise<PreparedExamples> {
  if (head === undefined) throw new ModlinguaError("config", "a model without a head predicts nothing", { remedy: 'assemble it with a head, e.g. createHead("tagging", { labels })' });
  const examples = examplesFor(head, data, what);
  const tokenizer = await tokenizerOf(backbone);
  const limit = Math.min(maxLength, longestInput(backbone, tokenizer));
  return { examples, tokenizer, encoded: examples.map((example) => encodeExample(tokenizer, example, limit)) };
}

export async function scorePrepared(model: AdaptedModel, { examples, encoded, tokenizer }: PreparedExamples, options: EvaluateOptions = {}): Promise<Evaluation> {
  const began = performance.now();
  const chosen = chooseMetric(options.metric ?? defaultMetric(model.head));
  const predictions = await runBatches(model, tokenizer, encoded, `evaluate ${model.composition}`, options) as (TagPrediction | ClassPrediction)[];
  const counts = examples.map((example, i) => countExample(chosen, example, encoded[i]!, predictions[i]!));
  return {
    metric: chosen.metric.name, options: chosen.options, ...chosen.metric.score(sumCounts(counts)), n: examples.length, counts, predictions,
    truncatedWords: encoded.reduce((sum, { truncatedWords }) => sum + truncatedWords, 0),
    tokens: encoded.reduce((sum, { ids }) => sum + ids.length, 0), seconds: (performance.now() - began) / 1000,
  };
}

function countExample(chosen: ChosenMetric, example: LabelledExample, encoded: Encoded, prediction: TagPrediction | ClassPrediction): Counts {
  const gold = goldOf(example);
  if ("label" in prediction) return countLabels(chosen, [prediction.label], gold);
  const answers = new Array<string>(gold.length).fill(chosen.metric.needs === "spans" ? "O" : missed);
  wordsRead(encoded).forEach((word, i) => void (answers[word] = prediction.labels[i]!));
  return countLabels(chosen, answers, gold);
}

/** Span F1 under the scheme of the head's labels where they are span tags, else accuracy. */
export function defaultMetric(head: Head | undefined): MetricChoice {
  const scheme = spanSchemeOf((head?.config as { readonly labels?: readonly string[] } | undefined)?.labels ?? []);
  return scheme === undefined ? "accuracy" : { metric: "spanF1", scheme };
}
