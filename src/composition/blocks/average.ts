import type { Block } from "../block.js";

/** The weighted mean of the children's results (Wang et al. 2021, EMEA without its entropy step). */
export const average: Block<{ readonly weights: readonly number[]; readonly normalize: boolean }> = {
  about: "the weighted mean of the results", router: "weighted", aggregator: "weightedSum", options: { weights: undefined, normalize: true },
};
