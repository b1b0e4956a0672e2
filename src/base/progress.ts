/** A report on long work. Terminal and notebook draw the same object. */
export interface Progress {
  /** What is being done, e.g. "train ner (tr)". */
  readonly task: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** Extra numbers worth showing beside the bar, e.g. `{ loss: 0.42, "tokens/s": 1800 }`. */
  readonly numbers?: Readonly<Record<string, number>>;
}

export type ProgressListener = (progress: Progress) => void;
