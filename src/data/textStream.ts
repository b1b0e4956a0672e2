import { ModlinguaError, randomStream, throwIfAborted } from "../base/index.js";
import { fileLines } from "../formats/index.js";
import type { Encoded, Tokenizer } from "./tokenizer.js";

export interface StreamOptions {
  readonly tokenizer: Tokenizer;
  /** Pieces a sequence, special tokens included. Default 128. */
  readonly maxLength?: number;
  /** Sequences held to be drawn from; 0 keeps the order of the file. Default 1024. */
  readonly shuffleBuffer?: number;
  readonly seed?: number;
  /** Begin again at the start of the file when it ends. Default false. */
  readonly repeat?: boolean;
  /** Goes on where a stream with the same options stood. */
  readonly resume?: StreamPosition;
  readonly signal?: AbortSignal;
}

/** Where a stream stands: sequences handed out so far. The stream is a function of file, options and seed, so this is all. */
export interface StreamPosition {
  readonly taken: number;
}

export interface StreamedSequence {
  readonly encoded: Encoded;
  /** Resumes behind this sequence. */
  readonly position: StreamPosition;
}

/**
 * Sequences for masked language modelling from a text file (gzipped if it ends in .gz), one sentence or paragraph a line.
 * Lines are encoded and packed one after the other, with the separator between them, until a sequence has `maxLength` pieces; a longer line goes
 * on in the next sequence. Memory: the shuffle buffer. Resuming reads (and tokenises) again up to the position, then continues exactly.
 */
export async function* streamText(file: string, { shuffleBuffer = 1024, seed = 0, resume, signal, ...options }: StreamOptions): AsyncGenerator<StreamedSequence, void, undefined> {
  let taken = 0;
  for await (const encoded of shuffled(packedSequences(file, options), shuffleBuffer, seed)) {
    throwIfAborted(signal, `reading ${file}`);
    taken++;
    if (taken > (resume?.taken ?? 0)) yield { encoded, position: { taken } };
  }
}

/** Draws from a buffer and refills the place drawn from; what is left at the end comes in random order. */
async function* shuffled(sequences: AsyncIterable<Encoded>, size: number, seed: number): AsyncGenerator<Encoded, void, undefined> {
  const random = randomStream(seed, "shuffle text");
  const buffer: Encoded[] = [];
  for await (const sequence of sequences) {
    if (buffer.length < size) buffer.push(sequence);
    else if (size === 0) yield sequence;
    else {
      const at = random.integer(size);
      yield buffer[at]!;
      buffer[at] = sequence;
    }
  }
  yield* random.shuffle(buffer);
}

async function* packedSequences(file: string, { tokenizer, maxLength = 128, repeat = false }: StreamOptions): AsyncGenerator<Encoded, void, undefined> {
  const packer = new Packer(tokenizer, maxLength);
  do {
    let lines = 0;
    for await (const { text: line } of fileLines(file)) {
      if (line.trim() === "") continue;
      lines++;
      yield* packer.add(line);
    }
    if (lines === 0) throw new ModlinguaError("data", "holds no line of text", { file, remedy: "give a UTF-8 file with one sentence or paragraph a line" });
    yield* packer.flush();
  } while (repeat);
}

/** Fills sequences of `maxLength` pieces: cls, line, sep, line, sep … */
class Packer {
  #ids: number[] = [];
  #wordOf: number[] = [];
  #words = 0;

  constructor(readonly tokenizer: Tokenizer, readonly maxLength: number) {
    if (maxLength < 3) throw new ModlinguaError("config", `maxLength ${maxLength}; a sequence needs at least 3 pieces`);
    this.#begin();
  }

  *add(line: string): Generator<Encoded> {
    const { ids, wordOf, words } = this.tokenizer.encodeText(line, { maxLength: Infinity });
    for (let column = 0; column < ids.length; column++) {
      if (wordOf[column]! < 0) continue;
      if (this.#ids.length === this.maxLength - 1) yield* this.flush();
      this.#push(ids[column]!, this.#words + wordOf[column]!);
    }
    this.#words += words;
    if (this.#ids.length < this.maxLength - 1) this.#push(this.tokenizer.sep, -1);
    else yield* this.flush();
  }

  /** Hands out what has been gathered, if it holds a word. */
  *flush(): Generator<Encoded> {
    if (this.#wordOf.some((word) => word >= 0)) {
      if (this.#wordOf.at(-1) !== -1) this.#push(this.tokenizer.sep, -1);
      yield renumbered(this.#ids, this.#wordOf);
    }
    this.#begin();
  }

  #begin(): void {
    [this.#ids, this.#wordOf] = [[this.tokenizer.cls], [-1]];
  }

  #push(id: number, word: number): void {
    this.#ids.push(id);
    this.#wordOf.push(word);
  }
}

/** A sequence whose words count from 0, without gaps. */
function renumbered(ids: readonly number[], wordOf: readonly number[]): Encoded {
  const numbers = new Map([...new Set(wordOf.filter((word) => word >= 0))].map((word, index) => [word, index]));
  return { ids, wordOf: wordOf.map((word) => numbers.get(word) ?? -1), typeOf: ids.map(() => 0), words: numbers.size, truncatedWords: 0 };
}
