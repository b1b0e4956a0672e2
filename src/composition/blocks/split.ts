import type { Block } from "../block.js";

/** Each child acts on its stretch of the sequence. */
export const split: Block<{ readonly splits: readonly number[] | number }> = {
  about: "each on its stretch of the sequence", router: "segments", aggregator: "concatenation", options: { splits: undefined },
};
