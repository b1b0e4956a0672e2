import { parseConll } from "../../formats/index.js";
import type { Dataset } from "../dataset.js";
import { exampleId, iob2, placeOf, readTagged } from "../readers.js";

const intents = ["weather", "transport", "opening_hours", "event", "health", "lost_property", "food", "repair"];

/** Messages to a town's information desk, written for this kit: the intent of each, and the entities in it. Comes with the package. */
export const townhall: Dataset = {
  name: "townhall",
  title: "townhall",
  embedded: true,
  tasks: {
    tagging: { labels: iob2("PER", "LOC", "ORG", "TIME"), read: ([text], file) => readTagged(text!, file) },
    classification: {
      labels: intents,
      read: ([text], file) => parseConll(text!, { file: placeOf(file) })
        .map(({ metadata }, index) => ({ id: metadata.get("id") ?? exampleId(file, index), text: metadata.get("text") ?? "", label: metadata.get("intent") ?? "" })),
    },
  },
};
