import { ModlinguaError, int64 } from "../../base/index.js";
import { activate, toRows, ones, zeros } from "../../computation/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import { project } from "../dense.js";
import type { HeadContext, HeadTask } from "../head.js";

export interface MaskedLmConfig {
  /** Pieces in the vocabulary, by which a head for another one is refused; 0 (the default) takes what the backbone has. */
  readonly vocabulary: number;
  readonly activation: string;
  readonly epsilon: number;
  /**
   * In training, normalise over the candidates that the batch brings (say, the pieces that occur in a language's
   * text) instead of the whole vocabulary: with 8,000 of 128,000 pieces a step takes about half the time.
   */
  readonly candidates: boolean;
}

/** Flat positions (row · length + column) that were masked, and the ids that stood there. */
export interface MaskedTarget {
  readonly positions: readonly number[];
  readonly labels: readonly number[];
  /** Ids to normalise over, the same list for every sequence of a batch; the batch's own labels where it is absent. */
  readonly candidates?: readonly number[];
}

/**
 * The masked language model's head with the vocabulary matrix tied to the word embeddings (Devlin et al.
 * 2019). The invertible adapters are undone between its norm and the matrix (MAD-X, section 3.2.3). Only
 * masked positions are computed.
 */
export const maskedLm: HeadTask<MaskedLmConfig, MaskedTarget, readonly number[]> = {
  about: "the word at a masked position",
  defaults: { vocabulary: 0, activation: "gelu", epsilon: 1e-12, candidates: false },
  check: () => undefined,
  logits(b, context, config) {
    return b.gemm(transformed(b, context, config), context.wordEmbeddings, bias(context, config), { transB: 1 });
  },
  loss(b, context, config) {
    const words = transformed(b, context, config);
    const labels = b.input("labels", "int64", ["masked"]);
    const chosen = config.candidates ? b.input("candidates", "int64", ["candidates"]) : undefined;
    const table = chosen === undefined ? context.wordEmbeddings : b.gather(context.wordEmbeddings, chosen);
    const offset = chosen === undefined ? bias(context, config) : b.gather(bias(context, config), chosen);
    const logits = b.gemm(words, table, offset, { transB: 1 });
    // log Σ exp − the label's own logit, which is a product with one row: its gradient never needs a one-hot matrix as large as the logits
    const own = b.add(b.sum(b.mul(words, b.gather(table, labels)), [-1]), b.gather(offset, labels));
    return b.sum(b.sub(b.op("ReduceLogSumExp", [logits, b.ints([-1])], { keepdims: 0 }), own));
  },
  predictFeeds: (batch) => {
    const rows = batch.encoded.flatMap(({ ids }, row) => ids.map((_, column) => row * batch.length + column));
    return { rows: int64([rows.length], rows) };
  },
  trainFeeds(_, targets, { candidates }) {
    const rows = targets.flatMap(({ positions }) => positions);
    const labels = targets.flatMap((target) => target.labels);
    const feeds = { rows: int64([rows.length], rows) };
    if (!candidates) return { feeds: { ...feeds, labels: int64([labels.length], labels) }, count: rows.length };
    const chosen = [...new Set([...(targets[0]?.candidates ?? []), ...labels])];
    const place = new Map(chosen.map((id, index) => [id, index]));
    return {
      feeds: { ...feeds, candidates: int64([chosen.length], chosen), labels: int64([labels.length], labels.map((label) => place.get(label)!)) },
      count: rows.length,
    };
  },
  decode(logits, { encoded }) {
    const vocabulary = logits.dims[1]!;
    let row = 0;
    return encoded.map(({ ids }) => ids.map(() => bestOf(logits.data as Float32Array, vocabulary * row++, vocabulary)));
  },
};

/** dense → activation → norm → the way back through the invertible adapters, [masked, width]. */
function transformed(b: GraphBuilder, { hidden, width, scope, invert }: HeadContext, config: MaskedLmConfig): Value {
  const rows = b.gather(toRows(b, hidden), b.input("rows", "int64", ["masked"]));
  const dense = activate(b, config.activation, project(b, scope.within("dense"), rows, width, width));
  const norm = scope.within("norm");
  return invert(b, b.layerNorm(dense, norm.parameter("weight", [width], ones), norm.parameter("bias", [width], zeros), config.epsilon));
}

function bias({ scope, wordEmbeddings }: HeadContext, { vocabulary }: MaskedLmConfig): Value {
  const pieces = wordEmbeddings.shape![0] as number;
  if (vocabulary !== 0 && vocabulary !== pieces) throw new ModlinguaError("config", `is made for a vocabulary of ${vocabulary} pieces, the backbone has ${pieces}`, { place: "head maskedLm", remedy: "load a head made for this backbone" });
  return scope.within("decoder").parameter("bias", [pieces], zeros);
}

function bestOf(logits: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (logits[start + i]! > logits[start + best]!) best = i;
  return best;
}
