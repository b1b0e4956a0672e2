import type { GraphBuilder, Value } from "../../onnx/index.js";
import { type SiteKind, concatParts, slicePart } from "../kind.js";

/** The embeddings, [batch, sequence, width], and the way back that a masked-LM head takes before the vocabulary matrix. */
export interface EmbeddingState {
  readonly output: Value;
  readonly width: number;
  readonly invert: Bijection;
}

export type Bijection = (b: GraphBuilder, value: Value) => Value;

/** A bijection of the embeddings, both ways (Pfeiffer et al. 2020, MAD-X, section 3.2.3). */
export interface EmbeddingContribution {
  readonly output: Value;
  readonly invert: Bijection;
}

export const embedding: SiteKind<"embedding", EmbeddingState, EmbeddingContribution> = {
  read: (b, site) => ({ output: b.graph.value(site.output), width: site.width, invert: (_, value) => value }),
  merge: (_, state, { output, invert }) => ({ ...state, output, invert: (b, value) => state.invert(b, invert(b, value)) }),
  // inverses are taken in the opposite order
  join: (_, first, second) => ({ output: second.output, invert: (b, value) => first.invert(b, second.invert(b, value)) }),
  nothing: (_, state) => ({ output: state.output, invert: (__, value) => value }),
  write: (b, site, state, written) => b.graph.replaceUses(b.graph.value(site.output), state.output, written),
  slice: (b, state, region) => ({ ...state, output: slicePart(b, state.output, region) }),
  concat: (b, parts, axis) => ({
    output: concatParts(b, parts.map(({ output }) => output), axis),
    invert: (builder, value) => concatParts(builder, parts.map(({ invert }, index) => invert(builder, slicePart(builder, value, { axis, index, count: parts.length }))), axis),
  }),
};
