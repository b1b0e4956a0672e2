import { ModlinguaError } from "../../base/index.js";
import type { GraphBuilder, Node, Value } from "../../onnx/index.js";
import { type SiteKind, concatParts, slicePart, sumWeighted } from "../kind.js";

/** The pretrained norm of a sub-block, frozen; it may be applied more than once. */
export type Norm = (b: GraphBuilder, value: Value) => Value;

/** A sub-block at its end. All values are [batch, sequence, width]. */
export interface ResidualState {
  /** The result so far, before the residual connection. */
  readonly hidden: Value;
  /** What the residual connection adds back. */
  readonly residual: Value;
  /** The pretrained norm behind the sum; the identity in a pre-norm encoder. */
  readonly norm: Norm;
  /** Whether the backbone's own `norm(hidden + residual)` still follows. */
  readonly closes: boolean;
}

/** What a module gives at the end of a sub-block. */
export interface ResidualContribution {
  /** Takes the place of `hidden`. */
  readonly output: Value;
  /** The module's own part of it, before its residual: what AdapterFusion attends over. */
  readonly delta: Value;
  /** What the module read: AdapterFusion's query. */
  readonly input: Value;
  /** What the module added back to its delta; absent where it adds nothing. */
  readonly added: Value | undefined;
  /** False for layouts that end the sub-block themselves (AdapterPlus). */
  readonly closes: boolean;
  /** Where nothing acted: the sub-block as the backbone ends it, for use beside modules that end it themselves. */
  readonly ended?: (b: GraphBuilder) => Value;
}

export const residual: SiteKind<"residual", ResidualState, ResidualContribution> = {
  read(b, site) {
    const norm = site.normed === undefined ? undefined : b.graph.value(site.normed).producer!;
    // the sum's inputs, not the site's names: modules in front of this site may already stand between
    const sum = b.graph.value(site.sum).producer!;
    return {
      hidden: sum.input(1 - site.residualInput), residual: sum.input(site.residualInput), closes: true,
      norm: norm === undefined ? (_, value) => value : (builder, value) => applyNorm(builder, norm, value),
    };
  },
  merge: (_, state, { output, closes }) => ({ ...state, hidden: output, closes }),
  join: (_, first, second) => ({ ...second, delta: second.delta, added: second.added ?? first.added }),
  nothing: (b, state) => ({
    output: state.hidden, delta: b.mul(state.hidden, 0), input: state.hidden, added: state.hidden, closes: true,
    ended: (builder) => state.norm(builder, builder.add(state.hidden, state.residual)),
  }),
  write(b, site, state) {
    const end = b.graph.value(site.normed ?? site.sum);
    const result = state.closes ? state.norm(b, b.add(state.hidden, state.residual)) : state.hidden;
    b.graph.replaceUses(end, result);
  },
  weightedSum(b, given, weights) {
    const parts = alike(b, given);
    return {
      output: sumWeighted(b, parts.map(({ output }) => output), weights),
      delta: sumWeighted(b, parts.map(({ delta }) => delta), weights),
      input: parts[0]!.input, added: parts[0]!.added, closes: parts[0]!.closes,
    };
  },
  attend(b, state, given, attend) {
    const parts = alike(b, given);
    const last = parts.at(-1)!;
    const context = attend(last.input, parts.map(({ delta }) => delta));
    const added = last.added ?? state.hidden;
    return { output: b.add(context, added), delta: context, input: last.input, added, closes: last.closes };
  },
  slice: (b, state, region) => ({ ...state, hidden: slicePart(b, state.hidden, region), residual: slicePart(b, state.residual, region) }),
  concat(b, given, axis) {
    const parts = alike(b, given);
    return {
      output: concatParts(b, parts.map(({ output }) => output), axis),
      delta: concatParts(b, parts.map(({ delta }) => delta), axis),
      input: concatParts(b, parts.map(({ input }) => input), axis),
      added: undefined, closes: parts[0]!.closes,
    };
  },
};

function applyNorm(b: GraphBuilder, norm: Node, value: Value): Value {
  return b.layerNorm(value, norm.input(1), norm.inputs[2], norm.number("epsilon", 1e-5));
}

/** Contributions that all end the sub-block themselves or all leave it to the backbone; an absent module goes with the others. */
function alike(b: GraphBuilder, parts: readonly ResidualContribution[]): readonly ResidualContribution[] {
  if (parts.every(({ closes }) => closes === parts[0]!.closes)) return parts;
  return parts.map((part) => {
    if (!part.closes) return part;
    if (part.ended !== undefined) return { ...part, output: part.ended(b), closes: false };
    throw new ModlinguaError("config", "modules that end the sub-block with the pretrained norm cannot be joined with ones that do not (originalNormAfter differs)",
      { remedy: "give all children of the block the same originalNormAfter" });
  });
}
