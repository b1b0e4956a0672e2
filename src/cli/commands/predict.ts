import { readFileSync } from "node:fs";
import { ModlinguaError } from "../../base/index.js";
import { type ClassifiedText, type TaggedText, predict as predictTexts } from "../../evaluation/index.js";
import { command } from "../command.js";
import { deviceOption, languageAdapterOption, trainedOption } from "../commonOptions.js";
import { percent } from "../table.js";
import { openTrained } from "../trainedModel.js";

/** Labels texts of one's own. */
export const predict = command({
  about: "tag or classify texts of your own with a trained model",
  arguments: [],
  options: {
    adapter: trainedOption,
    text: { about: "a text", value: "TEXT", many: true },
    file: { about: "a file with one text a line; - is standard input", value: "PATH" },
    language: { about: "the language of the texts, by which the language adapter is found", value: "LANG" },
    languageAdapter: languageAdapterOption,
    device: deviceOption,
  },
  example: 'modlingua predict --adapter out/ner --language tr --text "Ayşe yarın Ankara\'ya gidiyor."',
  async run({ adapter, text, file, language, languageAdapter, device }, _, terminal) {
    const texts = [...text, ...(file === undefined ? [] : readTexts(file))];
    if (texts.length === 0) throw new ModlinguaError("usage", "there is no text to predict", { remedy: 'give --text "…" or --file PATH' });
    const { model } = await openTrained(adapter, { device, languageAdapter, language }, terminal);
    try {
      const found = await predictTexts(model, texts, { signal: terminal.signal, onProgress: terminal.progress });
      return { text: found.map((one) => (one.task === "tagging" ? taggedLines(one) : classifiedLine(one))).join("\n"), json: found };
    } finally {
      await model.close();
    }
  },
});

function readTexts(file: string): string[] {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").split(/\r?\n/).filter((line) => line.trim() !== "");
  } catch (cause) {
    throw new ModlinguaError("io", `cannot be read (${(cause as Error).message})`, { file: file === "-" ? "standard input" : file, cause, remedy: "check the path" });
  }
}

/** The text, and below it its entities; where the labels are no span tags, each word with its label. */
function taggedLines({ text, words, spans }: TaggedText): string {
  const plain = spans.length === 0 && words.some(({ label }) => label !== "O");
  const found = plain ? words.map(({ word, label, score }) => `  ${label}\t${word}\t${percent(score)}`) : spans.map((span) => `  ${span.type}\t${span.text}\t${percent(span.score)}`);
  return [text, ...(found.length === 0 ? ["  no entity"] : found)].join("\n");
}

function classifiedLine({ text, label, scores }: ClassifiedText): string {
  return `${label}\t${percent(scores[label]!)}\t${text}`;
}
