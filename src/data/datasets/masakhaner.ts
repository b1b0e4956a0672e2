import type { Dataset } from "../dataset.js";
import { iob2, readTagged } from "../readers.js";

/** Entities in news of African languages, first version. */
export const masakhaner: Dataset = {
  name: "masakhaner",
  title: "MasakhaNER 1.0",
  tasks: { tagging: { labels: iob2("PER", "ORG", "LOC", "DATE"), read: ([text], file) => readTagged(text!, file, { separator: "space" }) } },
};
