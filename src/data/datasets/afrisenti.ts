import type { Dataset } from "../dataset.js";
import { readLabelled } from "../readers.js";

/** Sentiment of tweets in fourteen African languages. */
export const afrisenti: Dataset = {
  name: "afrisenti",
  title: "AfriSenti",
  tasks: { classification: { labels: ["positive", "neutral", "negative"], read: ([text], file) => readLabelled(text!, file, { text: "tweet", label: "label" }) } },
};
