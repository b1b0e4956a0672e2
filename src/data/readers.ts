import { ModlinguaError } from "../base/index.js";
import { parseConll, parseConllu, parseJsonl, parseTsv } from "../formats/index.js";
import type { ConllOptions, TsvOptions } from "../formats/index.js";
import type { DatasetFile } from "./dataset.js";
import type { ChoiceQuestion, LabelledText, SpanQuestion, TaggedSentence } from "./example.js";

/** The 17 universal parts of speech, in alphabetical order (universaldependencies.org/u/pos). */
export const universalTags = ["ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"] as const;

/** Tags of entity types in IOB2: O, B-PER, I-PER, … */
export function iob2(...types: readonly string[]): string[] {
  return ["O", ...types.flatMap((type) => [`B-${type}`, `I-${type}`])];
}

/** The name of the n-th example, from 0, of a file whose examples have no names. */
export function exampleId(file: DatasetFile, index: number): string {
  return `${file.code}-${file.split}-${index + 1}`;
}

/** The path that messages name. */
export function placeOf(file: DatasetFile): string {
  return file.parts[0]?.path ?? file.code;
}

/** Sentences of one word a line, tag in the last column; the id is that of an `# id = …` comment. */
export function readTagged(text: string, file: DatasetFile, options: ConllOptions = {}): TaggedSentence[] {
  return parseConll(text, { file: placeOf(file), ...options })
    .map(({ metadata, tokens, tags }, index) => ({ id: metadata.get("id") ?? exampleId(file, index), words: tokens, tags }));
}

/** Words and their universal parts of speech from CoNLL-U: syntactic words, without ranges and empty nodes. */
export function readUniversalTags(text: string, file: DatasetFile): TaggedSentence[] {
  return parseConllu(text, placeOf(file))
    .map(({ metadata, words }, index) => ({ id: metadata.get("sent_id") ?? exampleId(file, index), words: words.map(({ form }) => form), tags: words.map(({ upos }) => upos) }));
}

/** Which columns of a table make a labelled text. */
export interface LabelledColumns {
  readonly text: string;
  readonly label: string;
  readonly pair?: string;
  readonly id?: string;
}

/** Labelled texts from a table with a header. */
export function readLabelled(text: string, file: DatasetFile, columns: LabelledColumns, options: TsvOptions = {}): LabelledText[] {
  return parseTsv(text, { file: placeOf(file), required: Object.values(columns) as string[], ...options }).map(({ fields }, index) => ({
    id: columns.id === undefined ? exampleId(file, index) : fields[columns.id]!,
    text: fields[columns.text]!,
    ...(columns.pair === undefined ? {} : { pair: fields[columns.pair]! }),
    label: fields[columns.label]!,
  }));
}

/** Questions in the JSON lines of COPA: premise, choice1, choice2, question, label. */
export function readChoices(text: string, file: DatasetFile): ChoiceQuestion[] {
  return parseJsonl(text, { file: placeOf(file) }).map(({ value, line }, index) => {
    const { premise, choice1, choice2, question, label } = value as Record<string, unknown>;
    if (![premise, choice1, choice2, question].every((field) => typeof field === "string") || (label !== 0 && label !== 1)) {
      throw new ModlinguaError("format", "is no COPA question: expected texts premise, choice1, choice2, question and a label 0 or 1", { file: placeOf(file), place: `line ${line}` });
    }
    return { id: exampleId(file, index), text: premise as string, question: question as string, choices: [choice1 as string, choice2 as string], label };
  });
}

interface SquadFile {
  readonly data: readonly { readonly paragraphs: readonly { readonly context: string; readonly qas: readonly SquadQuestion[] }[] }[];
}

interface SquadQuestion {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly { readonly text: string; readonly answer_start: number }[];
}

/** Questions in SQuAD 1.1 JSON. The file counts answer_start in code points, an example in UTF-16 units. */
export function readSquad(text: string, file: DatasetFile): SpanQuestion[] {
  return withOwnIds(parseSquad(text, file).data.flatMap(({ paragraphs }) => paragraphs.flatMap(({ context, qas }) => {
    const offsets = offsetsOfCodePoints(context);
    return qas.map(({ id, question, answers }) => ({ id, question, text: context, answers: answers.map((answer) => answerAt(context, offsets, answer, id, file)) }));
  })));
}

/** TyDi QA gives the questions of one article the same id; a repeated one gets its row number. */
function withOwnIds(questions: readonly SpanQuestion[]): SpanQuestion[] {
  const seen = new Set<string>();
  return questions.map((question, index) => {
    const id = seen.has(question.id) ? `${question.id}-${index + 1}` : question.id;
    seen.add(id);
    return { ...question, id };
  });
}

function parseSquad(text: string, file: DatasetFile): SquadFile {
  try {
    const json = JSON.parse(text) as SquadFile;
    if (Array.isArray(json.data)) return json;
  } catch (cause) {
    throw new ModlinguaError("format", `is not JSON (${(cause as Error).message})`, { file: placeOf(file), cause });
  }
  throw new ModlinguaError("format", 'is no SQuAD file: the key "data" is missing', { file: placeOf(file) });
}

function answerAt(context: string, offsets: readonly number[], answer: SquadQuestion["answers"][number], id: string, file: DatasetFile): { text: string; start: number } {
  const start = offsets[answer.answer_start] ?? -1;
  if (context.startsWith(answer.text, start)) return { text: answer.text, start };
  throw new ModlinguaError("format", `the answer ${JSON.stringify(answer.text)} does not stand at character ${answer.answer_start} of its text`, { file: placeOf(file), place: `question ${id}` });
}

/** UTF-16 offset of each code point. */
function offsetsOfCodePoints(text: string): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (const character of text) {
    offsets.push(at);
    at += character.length;
  }
  return offsets;
}
