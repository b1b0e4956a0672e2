import { confusionScores, countConfusion } from "../confusion.js";
import { classScore, pooled } from "../counts.js";
import type { LabelMetric } from "../metric.js";

export const microF1: LabelMetric = {
  name: "microF1",
  about: "F1 of all classes' counts pooled; equals accuracy where every item has exactly one label",
  needs: "labels",
  defaults: {},
  count: (predicted, gold) => countConfusion("microF1", predicted, gold),
  score(counts) {
    const parts = confusionScores("microF1", counts);
    return { score: classScore(pooled(counts)).f1, parts };
  },
};
