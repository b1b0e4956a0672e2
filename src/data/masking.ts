import { ModlinguaError } from "../base/index.js";
import type { RandomStream } from "../base/index.js";
import { paddedLength } from "./batches.js";
import type { Encoded, Tokenizer } from "./tokenizer.js";

export interface MaskingOptions {
  readonly tokenizer: Pick<Tokenizer, "mask" | "vocabularySize" | "specialIds">;
  readonly random: RandomStream;
  /** Share of the pieces to predict. Default 0.15. */
  readonly rate?: number;
  /** Mask all pieces of a word or none. Default false. */
  readonly wholeWords?: boolean;
  /** The padded length S of the batch is rounded up to a multiple of this; the same as given to `padBatch`. Default 1. */
  readonly multipleOf?: number;
}

/** A batch for masked language modelling. */
export interface MaskedBatch {
  /** The sentences with masks in them, otherwise as given. */
  readonly sentences: readonly Encoded[];
  /** Flat indices into [B, S] of the pieces to predict, ascending; S is the padded length. */
  readonly positions: readonly number[];
  /** The ids that stood there. */
  readonly labels: readonly number[];
}

/**
 * Dynamic masking (Devlin et al. 2019, 3.1; drawn anew for each batch as in Liu et al. 2019): of the pieces of each sentence a share of `rate`
 * is to be predicted; 80 % of them become the mask, 10 % a random ordinary piece, 10 % stay. Special tokens are never chosen,
 * and every sentence with an ordinary piece has at least one chosen.
 */
export function maskBatch(encoded: readonly Encoded[], options: MaskingOptions): MaskedBatch {
  const length = paddedLength(encoded, options.multipleOf);
  const positions: number[] = [];
  const labels: number[] = [];
  const sentences = encoded.map((sentence, row) => {
    const ids = [...sentence.ids];
    for (const column of choosePieces(sentence, options)) {
      positions.push(row * length + column);
      labels.push(ids[column]!);
      ids[column] = replacement(ids[column]!, options);
    }
    return { ...sentence, ids };
  });
  return { sentences, positions, labels };
}

/** Columns to predict, ascending: units (pieces or whole words) are drawn until their pieces are the wanted number. */
function choosePieces(sentence: Encoded, { random, rate = 0.15, wholeWords = false }: MaskingOptions): number[] {
  const units = maskableUnits(sentence, wholeWords);
  const pieces = units.reduce((sum, unit) => sum + unit.length, 0);
  if (pieces === 0) return [];
  const wanted = Math.max(1, randomlyRounded(pieces * rate, random));
  const chosen: number[] = [];
  for (const unit of random.shuffle(units)) {
    if (chosen.length >= wanted) break;
    if (chosen.length > 0 && chosen.length + unit.length > wanted && wholeWords) continue;
    chosen.push(...unit);
  }
  return chosen.sort((a, b) => a - b);
}

function maskableUnits({ ids, wordOf }: Encoded, wholeWords: boolean): number[][] {
  const units: number[][] = [];
  ids.forEach((_, column) => {
    if (wordOf[column]! < 0) return;
    if (wholeWords && units.length > 0 && wordOf[column - 1] === wordOf[column]) units.at(-1)!.push(column);
    else units.push([column]);
  });
  return units;
}

/** Up or down with the chance that makes the mean right, so that short sentences do not change the rate. */
function randomlyRounded(value: number, random: RandomStream): number {
  return Math.floor(value) + (random.uniform() < value % 1 ? 1 : 0);
}

function replacement(id: number, { tokenizer, random }: MaskingOptions): number {
  const { mask, vocabularySize, specialIds } = tokenizer;
  if (mask === undefined) throw new ModlinguaError("data", "the tokenizer has no mask token, so it can not serve masked language modelling");
  const draw = random.uniform();
  if (draw < 0.8) return mask;
  if (draw >= 0.9) return id;
  for (;;) {
    const other = random.integer(vocabularySize);
    if (!specialIds.has(other)) return other;
  }
}
