import type { DatasetTask, ExamplesByTask } from "./example.js";

/** A data set as the registry knows it. What files it has, from where and under which licence, stands in `datasets/<name>.json`. */
export interface Dataset {
  readonly name: string;
  readonly title: string;
  /** True where the files come with this package. */
  readonly embedded?: boolean;
  /** How its files are read for each task it serves; the first task is the default. */
  readonly tasks: { readonly [T in DatasetTask]?: TaskReader<T> };
}

export interface TaskReader<T extends DatasetTask> {
  /** All labels, in the order of their indices; empty where the task has none. */
  readonly labels: readonly string[];
  /** The examples in the texts of a file's parts. Throws "data" with file and line. */
  readonly read: (texts: readonly string[], file: DatasetFile) => ExamplesByTask[T][];
}

/** `datasets/<name>.json`. */
export interface Manifest {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  readonly citation: string;
  /** What to mind. */
  readonly caveat: string;
  readonly files: readonly DatasetFile[];
}

export interface DatasetFile {
  /** ISO 639-3. */
  readonly language: string;
  /** The set's own word for it, e.g. "tur_Latn", "tr_imst". */
  readonly code: string;
  readonly split: string;
  readonly rows: number;
  readonly tokens?: number;
  /** One, or for parallel text two. */
  readonly parts: readonly FilePart[];
  /** Where it differs from the set's. */
  readonly licence?: string;
  readonly note?: string;
}

/** One stored file. `bytes` and `sha256` are those of the copy described, unpacked; where it was cut or rewritten, `original` are those of the file at the address. */
export interface FilePart {
  /** Inside a data folder, without .gz. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly address?: string;
  readonly original?: { readonly bytes: number; readonly sha256: string };
}
