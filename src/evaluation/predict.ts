import { ModlinguaError } from "../base/index.js";
import { type Encoded, type TextWord, type Tokenizer, segmentWords } from "../data/index.js";
import type { ClassPrediction, TagPrediction } from "../heads/index.js";
import type { AdaptedModel } from "../model/index.js";
import { wordsRead } from "./examples.js";
import { type RunOptions, runBatches } from "./runBatches.js";
import { decodeSpans, spanSchemeOf } from "./spans.js";
import { longestInput, tokenizerOf } from "./tokenizerOf.js";

export interface WordPrediction {
  readonly word: string;
  /** Offsets in UTF-16 units into the text (for word lists: into the words joined by spaces): `text.slice(start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** Probability of the label. */
  readonly score: number;
}

export interface SpanPrediction {
  readonly type: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** First word, and the one after the last, in `words`. */
  readonly words: readonly [number, number];
  /** Mean probability of its words' labels. */
  readonly score: number;
}

export interface TaggedText {
  readonly task: "tagging";
  readonly text: string;
  readonly words: readonly WordPrediction[];
  /** Entities, where the head's labels are span tags; read leniently, so that a stray inside tag begins one. */
  readonly spans: readonly SpanPrediction[];
  /** Words that did not fit into the encoder's input. */
  readonly truncatedWords: number;
}

export interface ClassifiedText {
  readonly task: "classification";
  readonly text: string;
  readonly label: string;
  /** Probability of each label. */
  readonly scores: Readonly<Record<string, number>>;
  readonly truncatedWords: number;
}

/** A text; its words, where they are known; or two texts. */
export type PredictInput = string | readonly string[] | { readonly text: string; readonly pair: string };

interface Reading {
  readonly text: string;
  readonly words: readonly TextWord[];
  readonly encoded: Encoded;
}

/**
 * Labels texts of one's own: words and entities with a tagging head, one label a text with a classification head.
 * Raw text is cut into words by Unicode's rules; the words are read as in training, each for itself.
 */
export async function predict(model: AdaptedModel, inputs: readonly PredictInput[], options: RunOptions & { readonly maxLength?: number } = {}): Promise<(TaggedText | ClassifiedText)[]> {
  const tokenizer = await tokenizerOf(model.backbone);
  const maxLength = Math.min(options.maxLength ?? Infinity, longestInput(model.backbone, tokenizer));
  const tagging = model.head?.task === "tagging";
  const readings = inputs.map((input, index) => (tagging ? readWords(tokenizer, input, maxLength, index) : readText(tokenizer, input, maxLength)));
  // a text without a word has nothing to tag, and an encoder's batch cannot hold it
  const filled = readings.filter(({ encoded }) => !tagging || wordsRead(encoded).length > 0);
  const found = await runBatches(model, tokenizer, filled.map(({ encoded }) => encoded), `predict ${model.composition}`, options);
  const byReading = new Map(filled.map((reading, i) => [reading, found[i]]));
  const labels = (model.head?.config as { readonly labels?: readonly string[] }).labels ?? [];
  return readings.map((reading) => (tagging
    ? taggedText(reading, (byReading.get(reading) ?? { labels: [], scores: [] }) as TagPrediction, labels)
    : classifiedText(reading, byReading.get(reading) as ClassPrediction, labels)));
}

function readWords(tokenizer: Tokenizer, input: PredictInput, maxLength: number, index: number): Reading {
  if (typeof input === "object" && "pair" in input) throw new ModlinguaError("usage", "a tagging head reads one text, two were given", { place: `input ${index + 1}`, remedy: "give each text for itself" });
  const { text, words } = typeof input === "string" ? { text: input, words: segmentWords(input) } : joined(input);
  return { text, words, encoded: tokenizer.encodeWords(words.map((word) => word.text), { maxLength, emptyWords: "skip" }) };
}

function readText(tokenizer: Tokenizer, input: PredictInput, maxLength: number): Reading {
  if (typeof input === "object" && "pair" in input) return { text: `${input.text} ${input.pair}`, words: [], encoded: tokenizer.encodePair(input.text, input.pair, { maxLength }) };
  const text = typeof input === "string" ? input : input.join(" ");
  const encoded = tokenizer.encodeText(text, { maxLength });
  return { text, words: encoded.wordSpans, encoded };
}

/** Words joined by spaces, and where each lies. */
function joined(words: readonly string[]): { text: string; words: TextWord[] } {
  let start = 0;
  const placed = words.map((text) => {
    const word = { text, start, end: start + text.length };
    start = word.end + 1;
    return word;
  });
  return { text: words.join(" "), words: placed };
}

function taggedText({ text, words, encoded }: Reading, { labels, scores }: TagPrediction, known: readonly string[]): TaggedText {
  const predicted = wordsRead(encoded).map((index, i): WordPrediction => {
    const { text: word, start, end } = words[index]!;
    return { word, start, end, label: labels[i]!, score: scores[i]! };
  });
  const scheme = spanSchemeOf(known);
  const spans = scheme === undefined ? [] : decodeSpans(predicted.map(({ label }) => label), scheme, "lenient").spans;
  return { task: "tagging", text, words: predicted, truncatedWords: encoded.truncatedWords, spans: spans.map(({ type, start, end }) => {
    const inside = predicted.slice(start, end);
    const [from, to] = [inside[0]!.start, inside.at(-1)!.end];
    return { type, text: text.slice(from, to), start: from, end: to, words: [start, end] as const, score: inside.reduce((sum, { score }) => sum + score, 0) / inside.length };
  }) };
}

function classifiedText({ text, encoded }: Reading, { label, scores }: ClassPrediction, labels: readonly string[]): ClassifiedText {
  return { task: "classification", text, label, scores: Object.fromEntries(labels.map((name, i) => [name, scores[i]!])), truncatedWords: encoded.truncatedWords };
}
