import { ModlinguaError } from "../../base/index.js";
import { emptySet } from "../counts.js";
import type { LossMetric } from "../metric.js";

export const perplexity: LossMetric = {
  name: "perplexity",
  about: "e to the mean negative log-likelihood of the gold tokens (Jelinek et al. 1977); for a masked model, of the masked ones",
  needs: "tokenLosses",
  defaults: {},
  count(losses) {
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    if (bad >= 0) throw new ModlinguaError("data", `the loss of token ${bad} is ${losses[bad]}, expected a finite number of nats`, { remedy: "look at the model: its weights may hold NaN" });
    return { tokens: { loss: losses.reduce((sum, loss) => sum + loss, 0), count: losses.length } };
  },
  score(counts) {
    const { loss = 0, count = 0 } = counts["tokens"] ?? {};
    if (count === 0) throw emptySet("perplexity");
    return { score: Math.exp(loss / count), parts: {} };
  },
};
