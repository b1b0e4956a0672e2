import type { Dataset } from "../dataset.js";
import { readLabelled } from "../readers.js";

const columns = ["premise", "hypothesis", "label"];

/** Does the second sentence follow from the first? Fifteen languages, parallel. */
export const xnli: Dataset = {
  name: "xnli",
  title: "XNLI",
  tasks: {
    classification: {
      labels: ["entailment", "neutral", "contradiction"],
      // The copy in XTREME has no header.
      read: ([text], file) => readLabelled(text!, file, { text: "premise", pair: "hypothesis", label: "label" }, text!.startsWith(columns.join("\t")) ? {} : { columns }),
    },
  },
};
