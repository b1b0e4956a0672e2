import type { Family } from "../family.js";

/** Sanh et al. 2019. */
export const distilbert: Family = {
  modelTypes: ["distilbert"],
  keys: { layers: "n_layers", hidden: "dim", heads: "n_heads" },
  norm: "post",
  linears: ["query", "key", "value", "attentionOutput", "intermediate", "output"],
};
