import type { Dataset } from "../dataset.js";
import { iob2, readTagged } from "../readers.js";

/** Entities in Wikipedia, tagged by its links (PAN-X in XTREME). */
export const wikiann: Dataset = {
  name: "wikiann",
  title: "WikiANN (PAN-X)",
  tasks: {
    tagging: {
      labels: iob2("PER", "LOC", "ORG"),
      read: ([text], file) => readTagged(text!, file).map((sentence) => ({ ...sentence, tags: sentence.tags.map(fromBioul) })),
    },
  },
};

/** MicroBERT's files mark last and only words of an entity as well (BIOUL); in IOB2 they are I and B. */
function fromBioul(tag: string): string {
  return tag.replace(/^L-/, "I-").replace(/^U-/, "B-");
}
