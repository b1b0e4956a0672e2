import type { Family } from "../family.js";

/** Warner et al. 2024 and mmBERT: pre-norm, one projection for query, key and value, gated feed-forward. */
export const modernbert: Family = {
  modelTypes: ["modernbert"],
  keys: { layers: "num_hidden_layers", hidden: "hidden_size", heads: "num_attention_heads" },
  norm: "pre",
  linears: ["qkv", "attentionOutput", "intermediate", "output"],
};
