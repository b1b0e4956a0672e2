import { int64 } from "../../base/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import { requireLayers, requireOneOf } from "../checks.js";
import { argmax, crossEntropySum, probabilities } from "../crossEntropy.js";
import { denseLayers } from "../dense.js";
import type { HeadContext, HeadTask } from "../head.js";
import { checkLabels, labelIndex } from "../labels.js";

export interface ClassificationConfig {
  readonly labels: readonly string[];
  /** What stands for the sequence: its first position, or the mean over its pieces. */
  readonly pooling: "first" | "mean";
  readonly layers: number;
  readonly activation: string;
}

export interface ClassPrediction {
  readonly label: string;
  /** Probability of each label, in the head's order. */
  readonly scores: readonly number[];
}

/** One label a text. */
export const classification: HeadTask<ClassificationConfig, string, ClassPrediction> = {
  about: "one label a text",
  defaults: { labels: [], pooling: "first", layers: 2, activation: "tanh" },
  check({ labels, pooling, layers }) {
    checkLabels(labels, "classification");
    requireOneOf("classification", "pooling", pooling, ["first", "mean"]);
    requireLayers("classification", layers);
  },
  logits: (b, context, config) => denseLayers(b, context.scope, pooled(b, context, config.pooling), context.width, config.labels.length, config.layers, config.activation),
  loss(b, context, config) {
    return crossEntropySum(b, classification.logits(b, context, config), b.input("labels", "int64", ["batch"]));
  },
  predictFeeds: () => ({}),
  trainFeeds: ({ encoded }, targets, { labels }) => ({ feeds: { labels: int64([encoded.length], targets.map((target) => labelIndex(labels, target))) }, count: encoded.length }),
  decode: (logits, { encoded }, { labels }) => encoded.map((_, row) => {
    const scores = probabilities(logits.data as Float32Array, row * labels.length, labels.length);
    return { label: labels[argmax(scores)]!, scores };
  }),
};

/** [batch, width] */
function pooled(b: GraphBuilder, { hidden, width, attentionMask }: HeadContext, pooling: ClassificationConfig["pooling"]): Value {
  if (pooling === "first") return b.reshape(b.slice(hidden, 1, 0, 1), [-1, width]);
  const mask = b.cast(attentionMask, "float32");
  const sum = b.matMul(b.unsqueeze(mask, [1]), hidden);
  return b.div(b.reshape(sum, [-1, width]), b.sum(mask, [1], true));
}
