import type { Dataset } from "../dataset.js";
import { readUniversalTags, universalTags } from "../readers.js";

/** Treebanks of many languages under one annotation scheme; here their universal parts of speech. */
export const universalDependencies: Dataset = {
  name: "universalDependencies",
  title: "Universal Dependencies",
  tasks: { tagging: { labels: universalTags, read: ([text], file) => readUniversalTags(text!, file) } },
};
