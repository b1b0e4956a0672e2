import type { Family } from "../family.js";

/** He et al. 2021, 2023 (DeBERTa v2 and v3, mDeBERTa): disentangled attention over relative positions. */
export const deberta: Family = {
  modelTypes: ["deberta-v2"],
  keys: { layers: "num_hidden_layers", hidden: "hidden_size", heads: "num_attention_heads" },
  norm: "post",
  linears: ["query", "key", "value", "attentionOutput", "intermediate", "output"],
};
