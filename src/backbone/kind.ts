import type { GraphBuilder, Node, Value } from "../onnx/index.js";
import type { KindName, SiteOf } from "./site.js";
import type { ResidualContribution, ResidualState } from "./kinds/residual.js";
import type { LinearContribution, LinearState } from "./kinds/linear.js";
import type { EmbeddingContribution, EmbeddingState } from "./kinds/embedding.js";

/** A part of a tensor along one axis: child `index` of `count` equal parts, or of parts with the given sizes. */
export interface Region {
  readonly axis: "batch" | "sequence";
  readonly index: number;
  readonly count: number;
  /** Sizes of all parts; equal parts where absent. */
  readonly sizes?: readonly number[];
}

/** Learned attention over contributions: how their `keys` are scored against the query, and what is summed. */
export type Attend = (query: Value, candidates: readonly Value[]) => Value;

/**
 * The algebra of one kind of site. Routers, aggregators and blocks use nothing else, so they never know a
 * method, and a method never knows who else is active.
 */
export interface SiteKind<K extends KindName, State, Contribution> {
  /** The state of the backbone at a site, before any module acted. */
  read(b: GraphBuilder, site: SiteOf<K>): State;
  /** The state after a contribution. */
  merge(b: GraphBuilder, state: State, contribution: Contribution): State;
  /** The contribution of `second`, made on the state that `first` left, together with `first`. */
  join(b: GraphBuilder, first: Contribution, second: Contribution): Contribution;
  /** The contribution that changes nothing: what an absent module gives. */
  nothing(b: GraphBuilder, state: State): Contribution;
  /** Makes the backbone go on from `state`, whose values were computed by the nodes `written`. */
  write(b: GraphBuilder, site: SiteOf<K>, state: State, written: ReadonlySet<Node>): void;
  weightedSum?(b: GraphBuilder, contributions: readonly Contribution[], weights: readonly number[]): Contribution;
  attend?(b: GraphBuilder, state: State, contributions: readonly Contribution[], attend: Attend): Contribution;
  slice?(b: GraphBuilder, state: State, region: Region): State;
  concat?(b: GraphBuilder, contributions: readonly Contribution[], axis: Region["axis"]): Contribution;
}

export interface States {
  residual: ResidualState;
  linear: LinearState;
  embedding: EmbeddingState;
}

export interface Contributions {
  residual: ResidualContribution;
  linear: LinearContribution;
  embedding: EmbeddingContribution;
}

/** One part of a value along the batch or the sequence axis. */
export function slicePart(b: GraphBuilder, value: Value, { axis, index, count, sizes }: Region): Value {
  const position = axis === "batch" ? 0 : 1;
  if (sizes === undefined) {
    // one Split shared by all children, found again by its reader
    const made = value.users.find((node) => node.op === "Split" && node.number("axis", 0) === position && node.number("num_outputs", 0) === count);
    const node = made ?? b.node("Split", [value], count, { axis: position, num_outputs: count });
    return node.output(index);
  }
  const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
  return b.slice(value, position, start, start + sizes[index]!);
}

export function concatParts(b: GraphBuilder, parts: readonly Value[], axis: Region["axis"]): Value {
  return b.concat(parts, axis === "batch" ? 0 : 1);
}

export function sumWeighted(b: GraphBuilder, values: readonly Value[], weights: readonly number[]): Value {
  const terms = values.map((value, index) => (weights[index] === 1 ? value : b.mul(value, weights[index]!)));
  return terms.reduce((sum, term) => b.add(sum, term));
}
