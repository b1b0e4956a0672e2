import type { Block } from "../block.js";

/** One after the other: MAD-X's language adapter under a task adapter (Pfeiffer et al. 2020). */
export const stack: Block = { about: "one after the other", router: "all", aggregator: "sequential", options: {} };
