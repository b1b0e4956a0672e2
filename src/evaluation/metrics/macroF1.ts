import { confusionScores, countConfusion } from "../confusion.js";
import { ratio } from "../counts.js";
import type { LabelMetric } from "../metric.js";

export const macroF1: LabelMetric = {
  name: "macroF1",
  about: "unweighted mean of the classes' F1, over the classes that occur in gold or prediction (as scikit-learn; Opitz and Burst 2019, eq. 2)",
  needs: "labels",
  defaults: {},
  count: (predicted, gold) => countConfusion("macroF1", predicted, gold),
  score(counts) {
    const parts = confusionScores("macroF1", counts);
    const scores = Object.values(parts);
    return { score: ratio(scores.reduce((sum, { f1 }) => sum + f1, 0), scores.length), parts };
  },
};
