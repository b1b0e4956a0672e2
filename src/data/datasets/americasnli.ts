import type { Dataset } from "../dataset.js";
import { readLabelled } from "../readers.js";

/** XNLI in ten indigenous languages of the Americas. */
export const americasnli: Dataset = {
  name: "americasnli",
  title: "AmericasNLI",
  tasks: {
    classification: {
      labels: ["entailment", "neutral", "contradiction"],
      read: ([text], file) => readLabelled(text!, file, { id: "id", text: "premise", pair: "hypothesis", label: "label" }),
    },
  },
};
