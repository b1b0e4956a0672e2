import { ModlinguaError, type RandomState, type RandomStream, randomStream, resumeStream } from "../base/index.js";
import { type Encoded, type StreamedSequence, type Tokenizer, lengthBatches, streamText } from "../data/index.js";
import { type MaskedTextOptions, textFilesOf, maskedFeeds } from "../evaluation/index.js";
import type { BatchSource } from "./batchSource.js";

export interface TextSourceOptions extends MaskedTextOptions {
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
  readonly seed: number;
  /** Sequences an optimizer step. */
  readonly batchSize: number;
  /** Most pieces a micro-batch, padding included. */
  readonly tokenBudget: number;
  /** Sequences of each file held in memory to be drawn from. */
  readonly shuffleBuffer?: number;
  /** Pieces that the head's softmax runs over, where it takes candidates. */
  readonly candidates?: readonly number[];
}

/** Sequences taken from each file so far, and the streams that choose files and masks. */
interface Place {
  readonly taken: readonly number[];
  readonly files: RandomState;
  readonly masks: RandomState;
}

/**
 * Endless batches of text with dynamic masking. Every sequence comes from a file drawn at random, so that several languages
 * are mixed evenly however long their texts are; each file begins again when it ends. Files, masks and shuffling have streams of their own.
 */
export function textSource({ text, tokenizer, maxLength, seed, batchSize, tokenBudget, shuffleBuffer, candidates, ...masking }: TextSourceOptions): BatchSource {
  const files = textFilesOf(text);
  const open = (file: string, taken: number): AsyncGenerator<StreamedSequence> =>
    streamText(file, { tokenizer, maxLength, seed, repeat: true, resume: { taken }, ...(shuffleBuffer === undefined ? {} : { shuffleBuffer }) });
  let taken = files.map(() => 0);
  let streams = files.map((file) => open(file, 0));
  let choice: RandomStream = randomStream(seed, "text files");
  let masks: RandomStream = randomStream(seed, "masks");
  const close = async (): Promise<void> => {
    for (const stream of streams) await stream.return(undefined);
  };
  const draw = async (): Promise<Encoded> => {
    const index = choice.integer(files.length);
    const { value, done } = await streams[index]!.next();
    if (done === true) throw new ModlinguaError("data", "gave no more text", { file: files[index]! });
    taken[index]!++;
    return (value as StreamedSequence).encoded;
  };
  return {
    stepsPerEpoch: undefined,
    async next() {
      const sequences: Encoded[] = [];
      while (sequences.length < batchSize) sequences.push(await draw());
      const groups = lengthBatches(sequences.map(({ ids }) => ids.length), { tokenBudget, maxRows: batchSize });
      return groups.map((group) => maskedFeeds(group.map((index) => sequences[index]!), tokenizer, masks, masking, candidates));
    },
    position: (): Place => ({ taken: [...taken], files: choice.state(), masks: masks.state() }),
    async restore(position) {
      const place = position as Place;
      await close();
      [taken, choice, masks] = [[...place.taken], resumeStream(place.files), resumeStream(place.masks)];
      streams = files.map((file, index) => open(file, taken[index]!));
    },
    close,
  };
}
