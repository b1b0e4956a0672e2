import type { Dataset } from "../dataset.js";
import { readLabelled } from "../readers.js";

const topics = ["science/technology", "travel", "politics", "sports", "health", "entertainment", "geography"];

/** Topics of the same sentences in more than 200 languages. */
export const sib200: Dataset = {
  name: "sib200",
  title: "SIB-200",
  tasks: { classification: { labels: topics, read: ([text], file) => readLabelled(text!, file, { id: "index_id", text: "text", label: "category" }) } },
};
