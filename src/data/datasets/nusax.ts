import type { Dataset } from "../dataset.js";
import { readLabelled } from "../readers.js";

/** Sentiment in ten languages of Indonesia, with Indonesian and English, parallel. */
export const nusax: Dataset = {
  name: "nusax",
  title: "NusaX-senti",
  tasks: {
    classification: {
      labels: ["positive", "neutral", "negative"],
      read: ([text], file) => readLabelled(text!, file, { id: "id", text: "text", label: "label" }, { separator: ",", quoted: true }),
    },
  },
};
