import type { Block } from "../block.js";

/** Each child acts on its own copy of the input (Rücklé et al. 2021); the model's outputs have one copy a child, in order. */
export const parallel: Block = { about: "each on its own copy of the input", router: "replicas", aggregator: "concatenation", options: {} };
