import type { Dataset } from "../dataset.js";
import { readSquad } from "../readers.js";

/** Questions on paragraphs of Wikipedia, translated into eleven languages. */
export const xquad: Dataset = {
  name: "xquad",
  title: "XQuAD",
  tasks: { spans: { labels: [], read: ([text], file) => readSquad(text!, file) } },
};
