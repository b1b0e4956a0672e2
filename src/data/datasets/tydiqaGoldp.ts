import type { Dataset } from "../dataset.js";
import { readSquad } from "../readers.js";

/** Questions asked in each language itself, with the passage that answers them. */
export const tydiqaGoldp: Dataset = {
  name: "tydiqaGoldp",
  title: "TyDi QA, gold passage",
  tasks: { spans: { labels: [], read: ([text], file) => readSquad(text!, file) } },
};
