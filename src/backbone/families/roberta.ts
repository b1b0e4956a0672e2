import type { Family } from "../family.js";

/** Liu et al. 2019 and XLM-R (Conneau et al. 2020): BERT's layers, positions counted from the padding id. */
export const roberta: Family = {
  modelTypes: ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert"],
  keys: { layers: "num_hidden_layers", hidden: "hidden_size", heads: "num_attention_heads" },
  norm: "post",
  linears: ["query", "key", "value", "attentionOutput", "intermediate", "output"],
};
