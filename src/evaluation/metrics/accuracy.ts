import { confusionScores, countConfusion } from "../confusion.js";
import { pooled, ratio } from "../counts.js";
import type { LabelMetric } from "../metric.js";

export const accuracy: LabelMetric = {
  name: "accuracy",
  about: "share of labels that are right",
  needs: "labels",
  defaults: {},
  count: (predicted, gold) => countConfusion("accuracy", predicted, gold),
  score(counts) {
    const parts = confusionScores("accuracy", counts);
    const { tp = 0, fn = 0 } = pooled(counts);
    return { score: ratio(tp, tp + fn), parts };
  },
};
