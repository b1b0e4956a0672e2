import type { Family } from "../family.js";

/** Devlin et al. 2019; MiniLM (Wang et al. 2020) and E5 share its shape. */
export const bert: Family = {
  modelTypes: ["bert"],
  keys: { layers: "num_hidden_layers", hidden: "hidden_size", heads: "num_attention_heads" },
  norm: "post",
  linears: ["query", "key", "value", "attentionOutput", "intermediate", "output"],
};
