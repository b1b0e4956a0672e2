import type { Value } from "../../onnx/index.js";
import { type SiteKind, concatParts, slicePart, sumWeighted } from "../kind.js";

/** A projection: its input [batch, sequence, in] and its output [batch, sequence, out]. */
export interface LinearState {
  readonly input: Value;
  readonly output: Value;
  readonly inWidth: number;
  readonly outWidth: number;
}

/** A difference of the projection's output. */
export interface LinearContribution {
  readonly delta: Value;
}

export const linear: SiteKind<"linear", LinearState, LinearContribution> = {
  read: (b, site) => ({
    input: b.graph.value(site.product).producer!.input(0), output: b.graph.value(site.output), inWidth: site.inWidth, outWidth: site.outWidth,
  }),
  merge: (b, state, { delta }) => ({ ...state, output: b.add(state.output, delta) }),
  join: (b, first, second) => ({ delta: b.add(first.delta, second.delta) }),
  nothing: (b, state) => ({ delta: b.mul(state.output, 0) }),
  write: (b, site, state, written) => b.graph.replaceUses(b.graph.value(site.output), state.output, written),
  weightedSum: (b, parts, weights) => ({ delta: sumWeighted(b, parts.map(({ delta }) => delta), weights) }),
  slice: (b, state, region) => ({ ...state, input: slicePart(b, state.input, region), output: slicePart(b, state.output, region) }),
  concat: (b, parts, axis) => ({ delta: concatParts(b, parts.map(({ delta }) => delta), axis) }),
};
