import { ModlinguaError, tensor } from "../base/index.js";
import type { RandomStream, Tensor } from "../base/index.js";
import type { Encoded } from "./tokenizer.js";

export interface BatchOptions {
  /** Most pieces a batch, padding included: rows × longest. Default 1024. */
  readonly tokenBudget?: number;
  /** Most rows a batch. Default 32. */
  readonly maxRows?: number;
  /** Given, sentences of nearly equal length are mixed and the batches come in random order; without it the order is that of length. */
  readonly shuffle?: RandomStream;
}

/**
 * Groups items (by index) into batches of nearly equal length, so that little is padding. Each index appears once.
 * With `shuffle`, lengths are compared with a random part of up to an eighth, so that the batches of two epochs differ.
 * An item longer than the budget has a batch of its own.
 */
export function lengthBatches(lengths: readonly number[], { tokenBudget = 1024, maxRows = 32, shuffle }: BatchOptions = {}): number[][] {
  if (!(tokenBudget >= 1) || !(maxRows >= 1)) throw new ModlinguaError("config", `tokenBudget ${tokenBudget} and maxRows ${maxRows}; both must be at least 1`);
  const keys = lengths.map((length) => length * (1 + (shuffle === undefined ? 0 : shuffle.uniform() / 8)));
  const order = lengths.map((_, index) => index).sort((a, b) => keys[a]! - keys[b]! || a - b);
  const batches: number[][] = [];
  let longest = 0;
  for (const index of order) {
    const rows = (batches.at(-1)?.length ?? Infinity) + 1;
    const width = Math.max(longest, lengths[index]!);
    if (rows > maxRows || rows * width > tokenBudget) {
      batches.push([index]);
      longest = lengths[index]!;
    } else {
      batches.at(-1)!.push(index);
      longest = width;
    }
  }
  return shuffle === undefined ? batches : shuffle.shuffle(batches);
}

/** What an encoder reads, all int64 [rows, length]. */
export interface PaddedBatch {
  readonly input_ids: Tensor;
  readonly attention_mask: Tensor;
  readonly token_type_ids: Tensor;
}

export interface PadOptions {
  /** The length is rounded up to a multiple of this (fewer different shapes for a compiled graph). Default 1. */
  readonly multipleOf?: number;
}

/** Pads encoded sentences on the right to the longest of them. */
export function padBatch(encoded: readonly Pick<Encoded, "ids" | "typeOf">[], padId: number, { multipleOf = 1 }: PadOptions = {}): PaddedBatch {
  if (encoded.length === 0) throw new ModlinguaError("data", "a batch needs at least one sentence, got none");
  const length = paddedLength(encoded, multipleOf);
  const shape = [encoded.length, length];
  const ids = new BigInt64Array(encoded.length * length).fill(BigInt(padId));
  const mask = new BigInt64Array(ids.length);
  const types = new BigInt64Array(ids.length);
  encoded.forEach((sentence, row) => sentence.ids.forEach((id, column) => {
    ids[row * length + column] = BigInt(id);
    mask[row * length + column] = 1n;
    types[row * length + column] = BigInt(sentence.typeOf[column] ?? 0);
  }));
  return { input_ids: tensor("int64", shape, ids), attention_mask: tensor("int64", shape, mask), token_type_ids: tensor("int64", shape, types) };
}

/** The length to which `padBatch` pads. */
export function paddedLength(encoded: readonly Pick<Encoded, "ids">[], multipleOf = 1): number {
  const longest = encoded.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  return Math.ceil(longest / multipleOf) * multipleOf;
}
