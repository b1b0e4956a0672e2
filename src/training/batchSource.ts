import type { Tensor } from "../base/index.js";

/** What the training program runs over at once: a few sequences, padded to one length. */
export interface MicroBatch {
  /** Everything but `lossScale`. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Over how many things (rows, words, masked positions) its loss sums. */
  readonly count: number;
  /** Tokens without padding. */
  readonly tokens: number;
}

/**
 * Where batches come from. The loop knows no more of the data than this, so that labelled examples and
 * endless text are trained on by the same code.
 */
export interface BatchSource {
  /** Steps of one pass over the data; undefined where the data has no end. */
  readonly stepsPerEpoch: number | undefined;
  /** The micro-batches of the next optimizer step, in a fixed order. */
  next(): Promise<readonly MicroBatch[]>;
  /** Plain data that says where the source stands; given to `restore` of an equal source it goes on with the same batches. */
  position(): unknown;
  restore(position: unknown): void | Promise<void>;
  /** Lets go of open files. */
  close?(): Promise<void>;
}
