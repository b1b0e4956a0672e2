import { ModlinguaError, unknownName } from "../base/index.js";
import type { ClassScore, Counts } from "./counts.js";
import * as metrics from "./metrics/index.js";

export interface Score {
  /** Between 0 and 1 (perplexity: at least 1). */
  readonly score: number;
  readonly parts: Readonly<Record<string, ClassScore>>;
}

/** A metric that compares the labels of one example: of its words, or its one label. Spans are read off labels. */
export interface LabelMetric<Options extends object = object> {
  readonly name: string;
  /** One line with the paper. */
  readonly about: string;
  readonly needs: "labels" | "spans";
  readonly defaults: Options;
  /** The raw counts of one example. */
  count(predicted: readonly string[], gold: readonly string[], options: Options): Counts;
  /** The score of the summed counts; refuses where it is undefined. */
  score(counts: Counts): Score;
}

/** A metric that needs the negative log-likelihood, in nats, of every gold token. */
export interface LossMetric {
  readonly name: string;
  readonly about: string;
  readonly needs: "tokenLosses";
  readonly defaults: object;
  count(losses: readonly number[]): Counts;
  score(counts: Counts): Score;
}

export type Metric = LabelMetric | LossMetric;

type Registry = typeof metrics;
export type MetricName = keyof Registry;
type OptionsOf<M> = M extends LabelMetric<infer Options> ? Options : object;

/** A metric by name, with options: `"accuracy"` or `{ metric: "spanF1", scheme: "iob1" }`. */
export type MetricChoice = MetricName | { [M in MetricName]: { readonly metric: M } & Partial<OptionsOf<Registry[M]>> }[MetricName];

/** A metric with every option present, as it is saved and hashed. */
export interface ChosenMetric {
  readonly metric: Metric;
  readonly options: Readonly<Record<string, unknown>>;
}

export function metricNames(): MetricName[] {
  return Object.keys(metrics) as MetricName[];
}

export function metricOf(name: string): Metric {
  if (!Object.hasOwn(metrics, name)) throw unknownName("usage", "metric", name, metricNames());
  return metrics[name as MetricName] as Metric;
}

/** Completes a choice with the metric's defaults; refuses options that the metric does not have. */
export function chooseMetric(choice: MetricChoice): ChosenMetric {
  const { metric: name, ...given } = typeof choice === "string" ? { metric: choice } : choice;
  const metric = metricOf(name);
  const known = Object.keys(metric.defaults);
  for (const key of Object.keys(given)) if (!known.includes(key)) throw unknownName("usage", `option of the metric ${name}`, key, known);
  return { metric, options: { ...metric.defaults, ...given } };
}

/** The raw counts of one example whose labels were predicted. */
export function countLabels({ metric, options }: ChosenMetric, predicted: readonly string[], gold: readonly string[]): Counts {
  if (metric.needs === "tokenLosses") throw new ModlinguaError("usage", `${metric.name} is counted from token losses, not from labels`, { remedy: "choose a metric of labels, e.g. accuracy" });
  return metric.count(predicted, gold, options);
}
