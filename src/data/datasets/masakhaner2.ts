import type { Dataset } from "../dataset.js";
import { iob2, readTagged } from "../readers.js";

/** Entities in news of twenty African languages. */
export const masakhaner2: Dataset = {
  name: "masakhaner2",
  title: "MasakhaNER 2.0",
  tasks: { tagging: { labels: iob2("PER", "ORG", "LOC", "DATE"), read: ([text], file) => readTagged(text!, file, { separator: "space" }) } },
};
