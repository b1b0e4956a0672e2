import { ModlinguaError, float32, int64 } from "../../base/index.js";
import { toRows } from "../../computation/index.js";
import type { Encoded } from "../../data/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import { requireLayers, requireOneOf } from "../checks.js";
import { argmax, crossEntropySum, probabilities } from "../crossEntropy.js";
import { denseLayers } from "../dense.js";
import type { HeadBatch, HeadContext, HeadTask } from "../head.js";
import { checkLabels, labelIndex } from "../labels.js";

export interface TaggingConfig {
  readonly labels: readonly string[];
  /**
   * What stands for a word: its first piece; its first piece with a character (XLM-R's tokenizer often gives
   * a lone ▁ first); every piece (in training each carries the word's label, in prediction the mean of
   * their logits decides); or the mean of its pieces.
   */
  readonly pieces: "first" | "firstContent" | "all" | "mean";
  /** For "firstContent": ids of pieces without a character (`tokenizer.emptyIds`). */
  readonly emptyIds: readonly number[];
  readonly layers: number;
  readonly activation: string;
}

/** Labels of the words that fitted into the input; `labels.length` is smaller than the number of words where the text was cut. */
export interface TagPrediction {
  readonly labels: readonly string[];
  /** Probability of each word's label. */
  readonly scores: readonly number[];
}

/** One label a word. */
export const tagging: HeadTask<TaggingConfig, readonly string[], TagPrediction> = {
  about: "one label a word",
  defaults: { labels: [], pieces: "mean", emptyIds: [], layers: 1, activation: "tanh" },
  check({ labels, pieces, layers }) {
    checkLabels(labels, "tagging");
    requireOneOf("tagging", "pieces", pieces, ["first", "firstContent", "all", "mean"]);
    requireLayers("tagging", layers);
  },
  logits: (b, context, config) => (pools(config) ? perWord(b, pieceLogits(b, context, config)) : pieceLogits(b, context, config)),
  loss(b, context, config) {
    const pieces = pieceLogits(b, context, config);
    if (config.pieces === "mean") return crossEntropySum(b, perWord(b, pieces), b.input("labels", "int64", ["words"]));
    return crossEntropySum(b, pieces, b.input("labels", "int64", ["pieces"]));
  },
  predictFeeds(batch, config) {
    const { rows, words } = piecesOf(batch, config);
    return { rows: int64([rows.length], rows), ...(pools(config) ? { pool: poolMatrix(words) } : {}) };
  },
  trainFeeds(batch, targets, config) {
    const { rows, words, examples } = piecesOf(batch, config);
    const ofWords = examples.map(({ example, word }) => labelIndex(config.labels, targets[example]![word]!));
    const averaged = config.pieces === "mean";
    const labels = averaged ? ofWords : words.map((word) => ofWords[word]!);
    return { feeds: { rows: int64([rows.length], rows), labels: int64([labels.length], labels), ...(averaged ? { pool: poolMatrix(words) } : {}) }, count: labels.length };
  },
  decode(logits, batch, config) {
    const { examples } = piecesOf(batch, config);
    const out = batch.encoded.map(() => ({ labels: [] as string[], scores: [] as number[] }));
    examples.forEach(({ example }, word) => {
      const scores = probabilities(logits.data as Float32Array, word * config.labels.length, config.labels.length);
      const best = argmax(scores);
      out[example]!.labels.push(config.labels[best]!);
      out[example]!.scores.push(scores[best]!);
    });
    return out;
  },
};

const pools = ({ pieces }: TaggingConfig): boolean => pieces === "mean" || pieces === "all";

/** Logits of the pieces that count, [pieces, labels]. */
function pieceLogits(b: GraphBuilder, { hidden, width, scope }: HeadContext, { labels, layers, activation }: TaggingConfig): Value {
  const states = b.gather(toRows(b, hidden), b.input("rows", "int64", ["pieces"]));
  return denseLayers(b, scope, states, width, labels.length, layers, activation);
}

/** The mean over each word's pieces, [words, labels]; the last layer is linear, so this is also what the mean of their states would give. */
function perWord(b: GraphBuilder, pieces: Value): Value {
  return b.matMul(b.input("pool", "float32", ["words", "pieces"]), pieces);
}

interface Pieces {
  /** Flat positions (row · length + column) of the pieces that count. */
  readonly rows: number[];
  /** For each of them, the number of its word in the batch. */
  readonly words: number[];
  /** For each word of the batch, where it stands. */
  readonly examples: { readonly example: number; readonly word: number }[];
}

function piecesOf({ encoded, length }: HeadBatch, { pieces, emptyIds }: TaggingConfig): Pieces {
  const rows: number[] = [];
  const words: number[] = [];
  const examples: { example: number; word: number }[] = [];
  const empty = new Set(emptyIds);
  encoded.forEach((sentence, example) => {
    let last = -1;
    wordPieces(sentence, pieces, empty).forEach(({ column, word }) => {
      if (word !== last) examples.push({ example, word });
      last = word;
      rows.push(example * length + column);
      words.push(examples.length - 1);
    });
  });
  if (rows.length === 0) throw new ModlinguaError("data", "no word of this batch has a piece to tag", { remedy: "check that the sentences are not empty" });
  return { rows, words, examples };
}

/** The pieces that stand for each word, in order. */
function wordPieces({ ids, wordOf }: Encoded, which: TaggingConfig["pieces"], empty: ReadonlySet<number>): { column: number; word: number }[] {
  const all = wordOf.flatMap((word, column) => (word < 0 ? [] : [{ column, word }]));
  if (which === "all" || which === "mean") return all;
  const byWord = new Map<number, number>();
  for (const { column, word } of all) {
    const taken = byWord.get(word);
    // a piece without characters stands for its word only where there is no other
    if (taken === undefined || (which === "firstContent" && empty.has(ids[taken]!) && !empty.has(ids[column]!))) byWord.set(word, column);
  }
  return [...byWord].map(([word, column]) => ({ column, word }));
}

/** [words, pieces], each row the mean over a word's pieces. */
function poolMatrix(words: readonly number[]): ReturnType<typeof float32> {
  const count = (words.at(-1) ?? -1) + 1;
  const sizes = new Float32Array(count);
  for (const word of words) sizes[word]!++;
  const data = new Float32Array(count * words.length);
  words.forEach((word, piece) => void (data[word * words.length + piece] = 1 / sizes[word]!));
  return float32([count, words.length], data);
}
