import type { FusionOptions } from "../../aggregation/index.js";
import type { Block } from "../block.js";

/** AdapterFusion (Pfeiffer et al. 2021): attention over the children, with parameters of its own. */
export const fuse: Block<FusionOptions & { readonly module: string }> = {
  about: "learned attention over the results (AdapterFusion)", router: "all", aggregator: "attention", parametric: true,
  options: { module: undefined, key: undefined, query: undefined, value: undefined, valueInitialized: undefined, valueBeforeSoftmax: undefined, temperature: undefined },
};
