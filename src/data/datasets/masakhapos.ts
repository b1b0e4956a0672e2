import type { Dataset } from "../dataset.js";
import { readTagged, universalTags } from "../readers.js";

/** Universal parts of speech in news of twenty African languages. */
export const masakhapos: Dataset = {
  name: "masakhapos",
  title: "MasakhaPOS",
  tasks: { tagging: { labels: universalTags, read: ([text], file) => readTagged(text!, file, { separator: "space" }) } },
};
