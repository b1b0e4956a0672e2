import { ModlinguaError, nearestName } from "../base/index.js";
import type { DatasetTask, Encoded, ExamplesByTask, LabelledText, TaggedSentence, Tokenizer } from "../data/index.js";
import type { Head } from "../heads/index.js";

/** What heads of this library learn from: a sentence with a tag a word, or a text (or two) with a label. */
export type LabelledExample = TaggedSentence | LabelledText;

type AnyExample = ExamplesByTask[DatasetTask];

/** A split of a data set, or just its examples. */
export type Examples = readonly AnyExample[] | { readonly examples: readonly AnyExample[] };

/** The labels of an example as a list: one a word, or the one of the text. */
export function goldOf(example: LabelledExample): readonly string[] {
  return "tags" in example ? example.tags : [example.label];
}

/** What a head's loss wants of an example. */
export function targetOf(example: LabelledExample): unknown {
  return "tags" in example ? example.tags : example.label;
}

/** Encodes an example as the head was trained to read it; words beyond `maxLength` pieces are cut and counted. */
export function encodeExample(tokenizer: Tokenizer, example: LabelledExample, maxLength: number): Encoded {
  if ("words" in example) return tokenizer.encodeWords(example.words, { maxLength, id: example.id });
  return example.pair === undefined ? tokenizer.encodeText(example.text, { maxLength }) : tokenizer.encodePair(example.text, example.pair, { maxLength });
}

/** Numbers of the words that have a piece in the input: the ones a tagging head answers for, in order. */
export function wordsRead({ wordOf }: Pick<Encoded, "wordOf">): number[] {
  return [...new Set(wordOf.filter((word) => word >= 0))];
}

/** Labels that stand for "not annotated" in published files. Numbers may be real labels, so they count only where the head does not know them. */
const placeholders = new Set(["", "_", "?", "-", "-1", "-100", "None", "null"]);
const alwaysPlaceholders = new Set(["", "_", "?"]);

/**
 * The examples, checked against the head that is to learn from them or to be judged on them. Refuses, naming the first that is wrong: none at
 * all, another task, placeholder labels (a hidden test set), labels that the head does not know, another number of tags than words.
 */
export function examplesFor(head: Head, data: Examples, what: string): readonly LabelledExample[] {
  const examples = "examples" in data ? data.examples : data;
  if (examples.length === 0) throw new ModlinguaError("data", `${what} is empty: no example was given`, { remedy: "give at least one labelled example" });
  const { labels = [] } = head.config as { readonly labels?: readonly string[] };
  const known = new Set(labels);
  return examples.map((example) => {
    const place = `${what}, example ${example.id}`;
    if (!isLabelled(example) || taskOfExample(example) !== head.task) throw otherTask(head, example, place);
    if ("tags" in example && example.tags.length !== example.words.length) {
      throw new ModlinguaError("data", `${example.words.length} words but ${example.tags.length} tags`, { place, remedy: "mend the sentence: each word needs one tag" });
    }
    const wrong = goldOf(example).findIndex((label) => !known.has(label) || alwaysPlaceholders.has(label));
    if (wrong >= 0) throw badLabel(place, example, wrong, labels);
    return example;
  });
}

function isLabelled(example: AnyExample): example is LabelledExample {
  return "tags" in example || ("label" in example && typeof example.label === "string");
}

function taskOfExample(example: LabelledExample): "tagging" | "classification" {
  return "tags" in example ? "tagging" : "classification";
}

function otherTask({ name, task }: Head, example: AnyExample, place: string): ModlinguaError {
  const given = isLabelled(example) ? `one of ${taskOfExample(example)}` : `none with words and tags or a text and a label (it has ${Object.keys(example).join(", ")})`;
  return new ModlinguaError("data", `the head ${JSON.stringify(name)} does ${task}, the example is ${given}`, { place, remedy: "choose data and head of one task" });
}

function badLabel(example: string, given: LabelledExample, index: number, known: readonly string[]): ModlinguaError {
  const label = goldOf(given)[index]!;
  const place = `${example}${"words" in given ? `, word ${index + 1} (${JSON.stringify(given.words[index])})` : ""}`;
  if (placeholders.has(label)) {
    return new ModlinguaError("data", `the gold label ${JSON.stringify(label)} is a placeholder, not an annotation`, { place, remedy: "use a split whose labels are published" });
  }
  const nearest = nearestName(label, known);
  return new ModlinguaError("data", `the head does not know the gold label ${JSON.stringify(label)}; its labels: ${known.join(", ")}`, {
    place, remedy: nearest === undefined ? "make the head with the labels of this data set" : `did you mean ${JSON.stringify(nearest)}?`,
  });
}
