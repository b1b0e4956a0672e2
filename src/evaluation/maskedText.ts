import { ModlinguaError, type ProgressListener, type RandomStream, type Tensor, randomStream, throwIfAborted } from "../base/index.js";
import { type Encoded, type Tokenizer, lengthBatches, maskBatch, padBatch, paddedLength, streamText } from "../data/index.js";
import { taskOf } from "../heads/index.js";
import type { AdaptedModel } from "../model/index.js";
import { type Counts, sumCounts } from "./counts.js";
import { metricOf } from "./metric.js";
import { longestInput, tokenizerOf } from "./tokenizerOf.js";

/** How text is cut into sequences and masked. */
export interface MaskedTextOptions {
  /** Files of plain text, one sentence or paragraph a line (gzipped if they end in .gz). */
  readonly text: string | readonly string[];
  /** Pieces a sequence, 128 by default. */
  readonly maxLength?: number;
  /** Share of the pieces to predict, 0.15 by default. */
  readonly maskRate?: number;
  /** Masks all pieces of a word or none; false by default. */
  readonly wholeWords?: boolean;
  /** Seed of the masks, 0 by default. */
  readonly seed?: number;
}

export interface HeldOutTextOptions extends MaskedTextOptions {
  /** Sequences from the beginning of each file, 32 by default. */
  readonly sequences?: number;
  /** Most pieces at once, 512 by default: logits are [masked, vocabulary], which is much memory. */
  readonly tokenBudget?: number;
}

/** Sequences with masks in them, ready for the model. */
export interface MaskedFeeds {
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** Masked positions. */
  readonly count: number;
  readonly tokens: number;
  /** The ids that stood at the masked positions. */
  readonly labels: readonly number[];
}

export interface MaskedTextScore {
  /** e to the mean loss. */
  readonly perplexity: number;
  /** Share of the masked pieces whose most probable filling is right. */
  readonly accuracy: number;
  /** Masked positions. */
  readonly n: number;
  /** Raw counts of every run over a few sequences. */
  readonly counts: readonly Counts[];
}

export function textFilesOf(text: string | readonly string[]): readonly string[] {
  const files = typeof text === "string" ? [text] : text;
  if (files.length === 0) throw new ModlinguaError("data", "no text was given", { remedy: "name at least one file with one sentence or paragraph a line" });
  return files;
}

/** Every piece that occurs in the files, ascending: what a head with `candidates` normalises over. Reads the text once. */
export async function piecesOf(files: readonly string[], tokenizer: Tokenizer, signal?: AbortSignal): Promise<number[]> {
  const seen = new Set<number>();
  for (const file of files) {
    for await (const { encoded } of streamText(file, { tokenizer, shuffleBuffer: 0, ...(signal === undefined ? {} : { signal }) })) for (const id of encoded.ids) seen.add(id);
  }
  return [...seen].sort((a, b) => a - b);
}

/** Masks sequences and pads them: the feeds of a model with a masked-LM head, for its loss as for its logits. With `candidates` the labels are places in that list. */
export function maskedFeeds(
  encoded: readonly Encoded[], tokenizer: Tokenizer, random: RandomStream, { maskRate = 0.15, wholeWords = false }: Pick<MaskedTextOptions, "maskRate" | "wholeWords">, candidates?: readonly number[],
): MaskedFeeds {
  const { sentences, positions, labels } = maskBatch(encoded, { tokenizer, random, rate: maskRate, wholeWords });
  const batch = { encoded: sentences, length: paddedLength(sentences) };
  const { feeds, count } = taskOf("maskedLm").trainFeeds(batch, [{ positions, labels, ...(candidates === undefined ? {} : { candidates }) }], { candidates: candidates !== undefined });
  return { feeds: { ...padBatch(sentences, tokenizer.pad), ...feeds }, count, labels, tokens: encoded.reduce((sum, { ids }) => sum + ids.length, 0) };
}

/** The first sequences of each file, masked once and for all, so that scores of different moments compare. */
export async function heldOutText({ backbone }: AdaptedModel, { text, sequences = 32, maxLength = 128, tokenBudget = 512, seed = 0, ...masking }: HeldOutTextOptions, signal?: AbortSignal): Promise<MaskedFeeds[]> {
  const tokenizer = await tokenizerOf(backbone);
  const encoded: Encoded[] = [];
  for (const file of textFilesOf(text)) encoded.push(...await firstSequences(file, sequences, tokenizer, Math.min(maxLength, longestInput(backbone, tokenizer)), signal));
  const random = randomStream(seed, "held-out masks");
  const groups = lengthBatches(encoded.map(({ ids }) => ids.length), { tokenBudget });
  return groups.map((group) => maskedFeeds(group.map((index) => encoded[index]!), tokenizer, random, masking));
}

async function firstSequences(file: string, count: number, tokenizer: Tokenizer, maxLength: number, signal: AbortSignal | undefined): Promise<Encoded[]> {
  const taken: Encoded[] = [];
  for await (const { encoded } of streamText(file, { tokenizer, maxLength, shuffleBuffer: 0, ...(signal === undefined ? {} : { signal }) })) {
    if (taken.push(encoded) === count) break;
  }
  return taken;
}

/** Perplexity and accuracy of a model with a masked-LM head on masked text. */
export async function scoreMaskedText(model: AdaptedModel, batches: readonly MaskedFeeds[], { signal, onProgress }: { readonly signal?: AbortSignal | undefined; readonly onProgress?: ProgressListener } = {}): Promise<MaskedTextScore> {
  const perplexity = metricOf("perplexity");
  if (perplexity.needs !== "tokenLosses") throw new ModlinguaError("usage", "perplexity is counted from token losses");
  const counts: Counts[] = [];
  let right = 0;
  for (const [done, { feeds, labels }] of batches.entries()) {
    throwIfAborted(signal, "the evaluation on text");
    const { logits } = await model.predict(feeds, { outputs: ["logits"], ...(signal === undefined ? {} : { signal }) });
    const rows = labels.map((label, row) => lossOfRow(logits!, row, label));
    counts.push(perplexity.count(rows.map(({ loss }) => loss)));
    right += rows.filter(({ best }) => best).length;
    onProgress?.({ task: "evaluate on text", done: done + 1, total: batches.length, unit: "batches" });
  }
  const total = sumCounts(counts);
  const n = total["tokens"]?.["count"] ?? 0;
  return { perplexity: perplexity.score(total).score, accuracy: right / n, n, counts };
}

/** Evaluates a model with a masked-LM head on the beginning of text files, under masks that the seed fixes. */
export async function evaluateMaskedLm(model: AdaptedModel, options: HeldOutTextOptions & { readonly signal?: AbortSignal; readonly onProgress?: ProgressListener }): Promise<MaskedTextScore> {
  return scoreMaskedText(model, await heldOutText(model, options, options.signal), options);
}

/** −log softmax at `label` of one row of logits [rows, vocabulary], in nats, and whether no logit is larger. */
function lossOfRow({ data, dims }: Tensor, row: number, label: number): { readonly loss: number; readonly best: boolean } {
  const width = dims[1]!;
  const logits = (data as Float32Array).subarray(row * width, (row + 1) * width);
  let highest = -Infinity;
  for (let i = 0; i < width; i++) if (logits[i]! > highest) highest = logits[i]!;
  let sum = 0;
  for (let i = 0; i < width; i++) sum += Math.exp(logits[i]! - highest);
  return { loss: highest + Math.log(sum) - logits[label]!, best: logits[label] === highest };
}
