import { ModlinguaError, unknownName } from "../../base/index.js";
import { type Counts, Tally, classScore, classScores, emptySet, pooled, requireSameLength } from "../counts.js";
import type { LabelMetric } from "../metric.js";
import { type Span, type SpanDecoding, type SpanScheme, decodeSpans, spanSchemes } from "../spans.js";

export interface SpanF1Options {
  readonly scheme: SpanScheme;
  readonly decoding: SpanDecoding;
}

/** Words outside every entity are counted under this name, so that an empty set and one without entities can be told apart. */
const words = "O";

export const spanF1: LabelMetric<SpanF1Options> = {
  name: "spanF1",
  about: "micro-averaged F1 of exactly matching entities, type and both ends (Tjong Kim Sang and De Meulder 2003)",
  needs: "spans",
  defaults: { scheme: "iob2", decoding: "strict" },
  count(predicted, gold, { scheme, decoding }) {
    requireSameLength("spanF1", predicted, gold);
    if (!Object.hasOwn(spanSchemes, scheme)) throw unknownName("usage", "span scheme", scheme, Object.keys(spanSchemes));
    const truth = decodeSpans(gold, scheme, decoding);
    const counts = matchSpans(decodeSpans(predicted, scheme, decoding).spans, truth.spans);
    for (const { type } of truth.malformed) counts.add(type, "malformed");
    counts.add(words, "words", gold.length);
    return counts.counts;
  },
  score(counts) {
    requireEntities(counts);
    const { [words]: _, ...types } = counts;
    return { score: classScore(pooled(types)).f1, parts: classScores(types) };
  },
};

function matchSpans(predicted: readonly Span[], gold: readonly Span[]): Tally {
  const tally = new Tally();
  const key = ({ type, start, end }: Span): string => `${start} ${end} ${type}`;
  const open = new Set(gold.map(key));
  for (const span of predicted) tally.add(span.type, open.delete(key(span)) ? "tp" : "fp");
  for (const span of gold) if (open.has(key(span))) tally.add(span.type, "fn");
  return tally;
}

/** Refuses a gold set without entities, and one of whose entities a strict reading drops more than it keeps. */
function requireEntities(counts: Counts): void {
  const { tp = 0, fn = 0, malformed = 0, words: total = 0 } = pooled(counts);
  if (total === 0) throw emptySet("spanF1");
  if (malformed > tp + fn) {
    throw new ModlinguaError("data", `the gold tags are not written in the declared scheme: ${malformed} entities break it, ${tp + fn} keep it`, {
      remedy: `declare another scheme (${Object.keys(spanSchemes).join(", ")}) or decoding: "lenient"`,
    });
  }
  if (tp + fn === 0) {
    throw new ModlinguaError("data", `span F1 is undefined: no entity in the ${total} gold words, every tag is O`, { remedy: "give a set with entities, or choose accuracy" });
  }
}
