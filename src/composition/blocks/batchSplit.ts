import type { Block } from "../block.js";

/** Each child acts on its examples of the batch. */
export const batchSplit: Block<{ readonly batchSizes: readonly number[] | number }> = {
  about: "each on its examples of the batch", router: "rows", aggregator: "concatenation", options: { batchSizes: undefined },
};
