import type { Dataset } from "../dataset.js";
import { readChoices } from "../readers.js";

/** Which of two sentences is the cause, or the effect, of a third? Eleven languages. */
export const xcopa: Dataset = {
  name: "xcopa",
  title: "XCOPA",
  tasks: { choice: { labels: ["choice1", "choice2"], read: ([text], file) => readChoices(text!, file) } },
};
