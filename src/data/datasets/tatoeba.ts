import { ModlinguaError } from "../../base/index.js";
import { textLines } from "../../formats/index.js";
import type { Dataset } from "../dataset.js";
import { exampleId, placeOf } from "../readers.js";

/** Sentences and their English translations, line by line, as used to measure retrieval. */
export const tatoeba: Dataset = {
  name: "tatoeba",
  title: "Tatoeba retrieval",
  tasks: {
    retrieval: {
      labels: [],
      read: (texts, file) => {
        const [sources, targets] = texts.map((text) => [...textLines(text)].map((line) => line.text));
        if (sources!.length !== targets?.length) throw new ModlinguaError("format", `has ${sources!.length} lines, its English side ${targets?.length ?? 0}`, { file: placeOf(file) });
        return sources!.map((source, index) => ({ id: exampleId(file, index), source, target: targets[index]! }));
      },
    },
  },
};
