import type { Bijection } from "../backbone/index.js";
import { type Tensor, unknownName } from "../base/index.js";
import { ParameterTable, type ParameterScope } from "../computation/index.js";
import type { Encoded } from "../data/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";
import * as tasks from "./tasks/index.js";

/** A batch as the encoder sees it: `rows` sequences padded to `length`. */
export interface HeadBatch {
  readonly encoded: readonly Encoded[];
  readonly length: number;
}

/** What a head may use of the model. */
export interface HeadContext {
  /** Last hidden states, [batch, sequence, width]. */
  readonly hidden: Value;
  readonly width: number;
  readonly attentionMask: Value;
  /** The frozen vocabulary matrix, [vocabulary, width]. */
  readonly wordEmbeddings: Value;
  /** The way back through the invertible adapters. */
  readonly invert: Bijection;
  readonly scope: ParameterScope;
}

/** One task: logits, loss, and what goes in and comes out on the host's side. */
export interface HeadTask<Config extends object = object, Target = unknown, Prediction = unknown> {
  readonly about: string;
  readonly defaults: Config;
  check(config: Config): void;
  /** Writes the logits, [labelled things, labels]. */
  logits(b: GraphBuilder, context: HeadContext, config: Config): Value;
  /** Writes the sum of the losses over the batch (it is scaled outside). */
  loss(b: GraphBuilder, context: HeadContext, config: Config): Value;
  /** Feeds beside ids and mask that logits need. */
  predictFeeds(batch: HeadBatch, config: Config): Record<string, Tensor>;
  /** Feeds that the loss needs, and over how many things it sums. */
  trainFeeds(batch: HeadBatch, targets: readonly Target[], config: Config): { readonly feeds: Record<string, Tensor>; readonly count: number };
  /** Predictions, one an example, from the logits. */
  decode(logits: Tensor, batch: HeadBatch, config: Config): Prediction[];
}

type Registry = typeof tasks;
export type TaskName = keyof Registry;
export type ConfigOfTask<T extends TaskName> = Registry[T] extends HeadTask<infer Config, infer _, infer __> ? Config : never;

/** A head: a name, a task with its configuration, and parameters. */
export interface Head<T extends TaskName = TaskName> {
  readonly name: string;
  readonly task: T;
  readonly config: ConfigOfTask<T>;
  readonly parameters: ParameterTable;
  readonly seed: number;
}

export const taskNames = Object.keys(tasks) as TaskName[];

/** The task of a head, typed for use with any head. */
export function taskOf(name: string): HeadTask<object, unknown, unknown> {
  if (!Object.hasOwn(tasks, name)) throw unknownName("config", "head task", name, taskNames);
  return tasks[name as TaskName] as unknown as HeadTask<object, unknown, unknown>;
}

/** A new head; its parameters are drawn from `seed` (default 0) and its name when a model first uses it. */
export function createHead<T extends TaskName>(task: T, config: Partial<ConfigOfTask<T>>, { name = task, seed = 0 }: { readonly name?: string; readonly seed?: number } = {}): Head<T> {
  const entry = taskOf(task);
  const unknown = Object.keys(config).find((key) => !Object.hasOwn(entry.defaults, key));
  if (unknown !== undefined) throw unknownName("config", `key of the head ${task}`, unknown, Object.keys(entry.defaults));
  const whole = { ...entry.defaults, ...config } as ConfigOfTask<T>;
  entry.check(whole as object);
  return { name, task, config: whole, parameters: new ParameterTable(), seed };
}
