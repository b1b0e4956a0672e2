import { ModlinguaError, unknownName } from "../base/index.js";
import type { Dataset, DatasetFile, FilePart, Manifest, TaskReader } from "./dataset.js";
import type { DatasetTask, ExamplesByTask } from "./example.js";
import { findDataset, findFile, readManifest } from "./registry.js";

/** One split of one language, read for one task. */
export interface SplitOf<T extends DatasetTask> {
  readonly dataset: string;
  /** ISO 639-3. */
  readonly language: string;
  readonly split: string;
  readonly task: T;
  /** All labels of the task, also those that this split lacks; empty where the task has none. */
  readonly labels: readonly string[];
  readonly examples: readonly ExamplesByTask[T][];
  readonly source: SplitSource;
  readonly licence: string;
  /** What is particular about this file. */
  readonly note?: string;
}

export type DatasetSplit = { [T in DatasetTask]: SplitOf<T> }[DatasetTask];

export interface SplitSource {
  /** Where the (first) file was read. */
  readonly file: string;
  /** Of the unpacked text. */
  readonly sha256: string;
  /** Whether that is a checksum of the manifest; a file of the user's own may have another. */
  readonly known: boolean;
}

/** A part of a file as it was found. */
export interface OpenedPart {
  readonly text: string;
  readonly file: string;
  readonly sha256: string;
}

export interface ReadSplitOptions<T extends DatasetTask> {
  /** Default: the first task of the data set. */
  readonly task?: T;
  /** At most so many examples, the first ones. */
  readonly limit?: number;
  /** Brings the text of a part, from wherever it is. */
  readonly open: (part: FilePart, dataset: Dataset) => Promise<OpenedPart>;
}

/**
 * Reads a split and checks that it can be used: refuses an empty one, labels that the task does not know, placeholders in place of labels
 * (hidden test labels), and a training split with one label only.
 */
export async function readSplit<T extends DatasetTask = DatasetTask>(name: string, language: string, split: string, options: ReadSplitOptions<T>): Promise<{ [K in T]: SplitOf<K> }[T]> {
  const dataset = findDataset(name);
  const manifest = readManifest(dataset);
  const file = findFile(manifest, language, split);
  const task = taskOf(dataset, options.task);
  const parts = await Promise.all(file.parts.map((part) => options.open(part, dataset)));
  const { labels, read } = dataset.tasks[task] as TaskReader<T>;
  const all = read(parts.map(({ text }) => text), file);
  checkExamples(all, labels, { file: parts[0]!.file, training: file.split === "train" });
  const examples = options.limit === undefined ? all : all.slice(0, options.limit);
  return { dataset: dataset.name, language: file.language, split: file.split, task, labels, examples, source: sourceOf(file, parts), licence: file.licence ?? manifest.licence, ...noteOf(file) } as { [K in T]: SplitOf<K> }[T];
}

/** The languages of a data set and the splits of each: code of the set → splits. */
export function splitsOf(name: string): ReadonlyMap<string, readonly string[]> {
  const splits = new Map<string, string[]>();
  for (const { code, split } of readManifest(findDataset(name)).files) splits.set(code, [...(splits.get(code) ?? []), split]);
  return splits;
}

function taskOf<T extends DatasetTask>(dataset: Dataset, wanted: T | undefined): T {
  const tasks = Object.keys(dataset.tasks) as T[];
  if (wanted === undefined) return tasks[0]!;
  if (!tasks.includes(wanted)) throw unknownName("data", `task of ${dataset.title}`, wanted, tasks);
  return wanted;
}

function sourceOf(file: DatasetFile, parts: readonly OpenedPart[]): SplitSource {
  const known = parts.every(({ sha256 }, index) => sha256 === file.parts[index]!.sha256 || sha256 === file.parts[index]!.original?.sha256);
  return { file: parts[0]!.file, sha256: parts[0]!.sha256, known };
}

function noteOf({ note }: DatasetFile): { note?: string } {
  return note === undefined ? {} : { note };
}

/** Words that stand where labels were taken away. */
const placeholders = new Set(["", "_", "-", "?", "none", "null", "nan", "unk", "unknown", "hidden", "test"]);

/** Refuses examples that can not be trained or scored on. `labels` empty means that the task has none. */
export function checkExamples(examples: readonly ExamplesByTask[DatasetTask][], labels: readonly string[], { file, training }: { readonly file: string; readonly training: boolean }): void {
  if (examples.length === 0) throw new ModlinguaError("data", "holds no example", { file, remedy: "choose another file or split" });
  if (labels.length === 0) return;
  const seen = new Map<string, string>();
  for (const example of examples) for (const label of labelsOf(example, labels)) if (!seen.has(label)) seen.set(label, example.id);
  const names = [...seen.keys()];
  if (names.every((name) => placeholders.has(name.toLowerCase()))) {
    throw new ModlinguaError("data", `every label is ${names.map((name) => JSON.stringify(name)).join(" or ")}, a placeholder: the labels of this file were taken away`, { file, remedy: "take the labelled file, or another split" });
  }
  const unknown = names.find((name) => !labels.includes(name));
  if (unknown !== undefined) {
    const refusal = unknownName("data", "label", unknown, labels);
    throw new ModlinguaError("data", refusal.message, { file, place: `example ${seen.get(unknown)}` });
  }
  if (training && names.length === 1) throw new ModlinguaError("data", `has the label ${JSON.stringify(names[0])} only, so there is nothing to learn`, { file, remedy: "train on a split with at least two labels" });
}

function labelsOf(example: ExamplesByTask[DatasetTask], labels: readonly string[]): readonly string[] {
  if ("tags" in example) return example.tags;
  if ("choices" in example) return [labels[example.label] ?? String(example.label)];
  return "label" in example ? [example.label] : [];
}
