import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { PreTrainedTokenizer } from "@xenova/transformers";
import { ModlinguaError } from "../base/index.js";
import { alignPieces, isEmptyPiece } from "./pieceAlignment.js";
import type { PieceSpelling } from "./pieceAlignment.js";
import { segmentWords } from "./words.js";
import type { TextWord } from "./words.js";

/** A sentence as a model reads it: one entry a piece, special tokens included. */
export interface Encoded {
  readonly ids: readonly number[];
  /** Index of the word each piece belongs to; -1 for special tokens. */
  readonly wordOf: readonly number[];
  /** 0 for the first text, 1 for the second of a pair where the tokenizer tells them apart (BERT). */
  readonly typeOf: readonly number[];
  /** Number of words given. */
  readonly words: number;
  /** Words that truncation left without a piece, always the last ones. */
  readonly truncatedWords: number;
}

/** An encoded text and where its words lie in it, so that predictions can be put back. */
export interface EncodedText extends Encoded {
  readonly text: string;
  readonly wordSpans: readonly TextWord[];
}

export interface EncodeOptions {
  /** Most pieces, special tokens included. Default: the tokenizer's `maxLength`. */
  readonly maxLength?: number;
}

export interface EncodeWordsOptions extends EncodeOptions {
  /** What a word without a piece gets (an empty one, a lone control character): a refusal (default), or nothing. */
  readonly emptyWords?: "error" | "skip";
  /** The sentence, for that refusal. */
  readonly id?: string;
}

export interface Tokenizer {
  readonly folder: string;
  /** One more than the largest id. */
  readonly vocabularySize: number;
  /** The config's model_max_length where it is a real one, else 512. */
  readonly maxLength: number;
  readonly pad: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number | undefined;
  readonly unk: number | undefined;
  readonly specialIds: ReadonlySet<number>;
  /** Ids of pieces without a character, such as XLM-R's lone `▁`: what a tagging head with `pieces: "firstContent"` passes over. */
  readonly emptyIds: readonly number[];
  /** Encodes running text exactly as the tokenizer does; words are those of {@link segmentWords}. */
  encodeText(text: string, options?: EncodeOptions): EncodedText;
  /** Encodes two texts with the separators between them; truncation takes from the longer one. Words of the second text are counted on. */
  encodePair(text: string, pair: string, options?: EncodeOptions): Encoded;
  /** Encodes given words, each for itself, as after a space (transformers' `is_split_into_words`): a piece never spans two words. */
  encodeWords(words: readonly string[], options?: EncodeWordsOptions): Encoded;
  /** Text again, without special tokens. */
  decode(ids: readonly number[]): string;
  /** The vocabulary's spelling of each id. */
  pieces(ids: readonly number[]): string[];
}

/** The parts of tokenizer.json and tokenizer_config.json that are read here. */
interface TokenizerJson {
  readonly model: { readonly type?: string; readonly vocab: readonly unknown[] | Readonly<Record<string, number>> };
  readonly added_tokens?: readonly { readonly id: number }[];
  readonly pre_tokenizer?: unknown;
}

interface TokenizerConfig {
  readonly model_max_length?: number;
  readonly add_prefix_space?: boolean;
}

/** transformers.js keeps the tokenizer proper behind this property; its own types do not show the members used here. */
interface InnerTokenizer {
  id_to_token(id: number): string | undefined;
  encode(text: string, options: { text_pair?: string; add_special_tokens?: boolean; return_token_type_ids: true }): { ids: number[]; token_type_ids: number[] };
}

const usualMaxLength = 512;
const cachedWords = 200_000;

/** Loads `tokenizer.json` (and `tokenizer_config.json`, if there) of a folder by transformers.js; nothing is ever fetched. */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const json = readJson<TokenizerJson>(folder, "tokenizer.json");
  if (json === undefined) {
    throw new ModlinguaError("data", `is not there; the folder holds ${existsSync(folder) ? readdirSync(folder).slice(0, 12).join(", ") || "nothing" : "nothing, it does not exist"}`,
      { file: join(folder, "tokenizer.json"), remedy: "put the tokenizer.json of the encoder beside its model" });
  }
  const config = readJson<TokenizerConfig>(folder, "tokenizer_config.json") ?? {};
  const { PreTrainedTokenizer } = await import("@xenova/transformers");
  try {
    return new LocalTokenizer(folder, new PreTrainedTokenizer(json, config), json, config);
  } catch (cause) {
    if (cause instanceof ModlinguaError) throw cause;
    throw new ModlinguaError("data", `is no tokenizer transformers.js can read (${(cause as Error).message})`, { file: join(folder, "tokenizer.json"), cause });
  }
}

/**
 * Refuses a tokenizer whose ids do not fit an embedding of `rows` rows. Exporters pad the embedding, so up to 512 rows
 * without a token are normal; more of them, or a token without a row, mean that the two do not belong together.
 */
export function checkVocabulary(tokenizer: Tokenizer, rows: number): void {
  const size = tokenizer.vocabularySize;
  if (size <= rows && rows - size <= 512) return;
  throw new ModlinguaError("data", `has ${size} tokens, but the embedding of the model has ${rows} rows, so they do not belong together`,
    { file: join(tokenizer.folder, "tokenizer.json"), remedy: "take the tokenizer.json of the same checkpoint as the model" });
}

class LocalTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly maxLength: number;
  readonly pad: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number | undefined;
  readonly unk: number | undefined;
  readonly specialIds: ReadonlySet<number>;
  readonly #inner: InnerTokenizer;
  readonly #spelling: PieceSpelling;
  readonly #frame: Frame;
  /** Byte-level vocabularies tell words at the start of a text from words after a space. */
  readonly #startsWithSpace: boolean;
  readonly #wordIds = new Map<string, readonly number[]>();
  #emptyIds: readonly number[] | undefined;

  constructor(readonly folder: string, readonly tokenizer: PreTrainedTokenizer, json: TokenizerJson, config: TokenizerConfig) {
    this.#inner = tokenizer._tokenizer as unknown as InnerTokenizer;
    this.#spelling = spellingOf(json);
    this.#frame = frameOf(this.#inner, folder);
    this.#startsWithSpace = this.#spelling !== "bytes" || config.add_prefix_space === true;
    this.vocabularySize = sizeOfVocabulary(json);
    this.maxLength = config.model_max_length !== undefined && config.model_max_length < 1e6 ? config.model_max_length : usualMaxLength;
    this.cls = this.#frame.start[0]!;
    this.sep = this.#frame.end.at(-1)!;
    this.pad = (tokenizer.pad_token_id as number | undefined) ?? this.sep;
    this.mask = tokenizer.mask_token_id as number | undefined;
    this.unk = tokenizer.unk_token_id as number | undefined;
    this.specialIds = new Set([...tokenizer.all_special_ids, this.cls, this.sep, this.pad]);
  }

  /** Looked for when first asked, since it goes through the whole vocabulary. */
  get emptyIds(): readonly number[] {
    this.#emptyIds ??= Array.from({ length: this.vocabularySize }, (_, id) => id).filter((id) => isEmptyPiece(this.#inner.id_to_token(id) ?? "", this.#spelling));
    return this.#emptyIds;
  }

  encodeText(text: string, { maxLength = this.maxLength }: EncodeOptions = {}): EncodedText {
    const { ids, wordOf, spans } = this.#body(text);
    const kept = Math.max(0, maxLength - this.#frame.start.length - this.#frame.end.length);
    return { ...this.#framed([{ ids: ids.slice(0, kept), wordOf: wordOf.slice(0, kept) }]), words: spans.length, truncatedWords: kept < ids.length ? wordsAfter(wordOf, kept) : 0, text, wordSpans: spans };
  }

  encodePair(text: string, pair: string, { maxLength = this.maxLength }: EncodeOptions = {}): Encoded {
    const [first, second] = [this.#body(text), this.#body(pair)];
    const { start, middle, end } = this.#frame;
    const [a, b] = fitPair(first.ids.length, second.ids.length, Math.max(0, maxLength - start.length - middle.length - end.length));
    const parts = [
      { ids: first.ids.slice(0, a), wordOf: first.wordOf.slice(0, a) },
      { ids: second.ids.slice(0, b), wordOf: second.wordOf.slice(0, b).map((word) => word + first.spans.length) },
    ];
    const truncatedWords = (a < first.ids.length ? wordsAfter(first.wordOf, a) : 0) + (b < second.ids.length ? wordsAfter(second.wordOf, b) : 0);
    return { ...this.#framed(parts), words: first.spans.length + second.spans.length, truncatedWords };
  }

  encodeWords(words: readonly string[], { maxLength = this.maxLength, emptyWords = "error", id }: EncodeWordsOptions = {}): Encoded {
    const ids: number[] = [];
    const wordOf: number[] = [];
    words.forEach((word, index) => {
      const pieces = this.#idsOfWord(word, index);
      if (pieces.length === 0 && emptyWords === "error") throw emptyWord(words, index, id);
      for (const piece of pieces) {
        ids.push(piece);
        wordOf.push(index);
      }
    });
    const kept = Math.max(0, maxLength - this.#frame.start.length - this.#frame.end.length);
    const framed = this.#framed([{ ids: ids.slice(0, kept), wordOf: wordOf.slice(0, kept) }]);
    return { ...framed, words: words.length, truncatedWords: kept < ids.length ? wordsAfter(wordOf, kept) : 0 };
  }

  decode(ids: readonly number[]): string {
    return this.tokenizer.decode([...ids], { skip_special_tokens: true });
  }

  pieces(ids: readonly number[]): string[] {
    return ids.map((id) => this.#inner.id_to_token(id) ?? outOfRange(id, this));
  }

  #body(text: string): { ids: number[]; wordOf: number[]; spans: TextWord[] } {
    const ids = this.tokenizer.encode(text, { add_special_tokens: false });
    const spans = segmentWords(text);
    const pieces = ids.map((id) => (this.specialIds.has(id) ? "" : this.#inner.id_to_token(id)!));
    return { ids, wordOf: alignPieces(pieces, spans.map((span) => span.text), this.#spelling), spans };
  }

  #idsOfWord(word: string, index: number): readonly number[] {
    const context = this.#spelling === "bytes" && (index > 0 || this.#startsWithSpace) ? ` ${word}` : word;
    let ids = this.#wordIds.get(context);
    if (ids === undefined) {
      if (this.#wordIds.size >= cachedWords) this.#wordIds.clear();
      ids = word.trim() === "" ? [] : this.tokenizer.encode(context, { add_special_tokens: false });
      this.#wordIds.set(context, ids);
    }
    return ids;
  }

  /** Special tokens around one text, or around and between two. */
  #framed(parts: readonly { ids: readonly number[]; wordOf: readonly number[] }[]): Pick<Encoded, "ids" | "wordOf" | "typeOf"> {
    const { start, middle, end, secondType } = this.#frame;
    const [first, second] = parts;
    const none = (specials: readonly number[]): number[] => specials.map(() => -1);
    if (second === undefined) {
      const ids = [...start, ...first!.ids, ...end];
      return { ids, wordOf: [...none(start), ...first!.wordOf, ...none(end)], typeOf: ids.map(() => 0) };
    }
    const ids = [...start, ...first!.ids, ...middle, ...second.ids, ...end];
    const boundary = start.length + first!.ids.length + middle.length;
    return { ids, wordOf: [...none(start), ...first!.wordOf, ...none(middle), ...second.wordOf, ...none(end)], typeOf: ids.map((_, i) => (i < boundary ? 0 : secondType)) };
  }
}

/** The special tokens a tokenizer puts before, between and after texts, and the type it gives the second text. */
interface Frame {
  readonly start: readonly number[];
  readonly middle: readonly number[];
  readonly end: readonly number[];
  readonly secondType: number;
}

/** Found by encoding two letters, so that no template language has to be read. */
function frameOf(inner: InnerTokenizer, folder: string): Frame {
  const [a, b] = ["a", "b"].map((text) => inner.encode(text, { add_special_tokens: false, return_token_type_ids: true }).ids);
  const single = inner.encode("a", { return_token_type_ids: true }).ids;
  const pair = inner.encode("a", { text_pair: "b", return_token_type_ids: true });
  const start = single.slice(0, findRun(single, a!));
  const end = single.slice(start.length + a!.length);
  if (start.length === 0 || end.length === 0) {
    throw new ModlinguaError("data", "puts no special token before or after a text, so it belongs to no encoder of this library's families", { file: join(folder, "tokenizer.json") });
  }
  const afterFirst = start.length + a!.length;
  const second = afterFirst + findRun(pair.ids.slice(afterFirst), b!);
  return { start, middle: pair.ids.slice(afterFirst, second), end, secondType: pair.token_type_ids[second] ?? 0 };
}

function findRun(ids: readonly number[], run: readonly number[]): number {
  return ids.findIndex((_, i) => run.every((id, j) => ids[i + j] === id));
}

function spellingOf(json: TokenizerJson): PieceSpelling {
  if (json.model.type === "WordPiece") return "wordpiece";
  return JSON.stringify(json.pre_tokenizer ?? "").includes("ByteLevel") ? "bytes" : "metaspace";
}

function sizeOfVocabulary({ model, added_tokens = [] }: TokenizerJson): number {
  const largest = Array.isArray(model.vocab) ? model.vocab.length - 1 : Object.values(model.vocab as Record<string, number>).reduce((most, id) => Math.max(most, id), -1);
  return added_tokens.reduce((most, { id }) => Math.max(most, id), largest) + 1;
}

/** The words that begin at or after piece `kept` and have no piece before it. */
function wordsAfter(wordOf: readonly number[], kept: number): number {
  return new Set(wordOf.slice(kept)).size - (kept > 0 && wordOf[kept] === wordOf[kept - 1] ? 1 : 0);
}

/** Lengths of two texts shortened to `room` together: the longer one gives until both are equal. */
function fitPair(a: number, b: number, room: number): readonly [number, number] {
  if (a + b <= room) return [a, b];
  const half = Math.floor(room / 2);
  if (a <= half) return [a, room - a];
  return b <= half ? [room - b, b] : [room - half, half];
}

function emptyWord(words: readonly string[], index: number, id: string | undefined): ModlinguaError {
  return new ModlinguaError("data", `word ${index + 1} (${JSON.stringify(words[index])}) yields no token, so it can carry no label`,
    { place: id === undefined ? `sentence "${words.slice(0, 6).join(" ")}…"` : `sentence ${id}`, remedy: 'mend the sentence, or pass emptyWords: "skip"' });
}

function outOfRange(id: number, tokenizer: Tokenizer): never {
  throw new ModlinguaError("data", `token id ${id} is out of range: the vocabulary has ids 0 to ${tokenizer.vocabularySize - 1}`, { file: join(tokenizer.folder, "tokenizer.json") });
}

function readJson<T>(folder: string, name: string): T | undefined {
  const file = join(folder, name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch (cause) {
    throw new ModlinguaError("data", "is not JSON", { file, remedy: "fetch it again", cause });
  }
}
