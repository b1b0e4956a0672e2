import type { Contributions, KindName, SiteKind, States } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";
import type { ParameterScope } from "../computation/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";
import type { Route } from "../routing/index.js";

/** A child of a block at one site: what it contributes to a state; undefined where it is absent from this layer. */
export type Child<K extends KindName> = ((state: States[K]) => Contributions[K]) | undefined;

/** What an aggregator may use. */
export interface AggregationContext<K extends KindName> {
  readonly b: GraphBuilder;
  readonly kind: SiteKind<K, States[K], Contributions[K]>;
  readonly kindName: K;
  readonly state: States[K];
  /** α: what each child sees and how strongly it counts. */
  readonly routes: readonly Route[];
  readonly children: readonly Child<K>[];
  /** Parameters of the block itself, where it has any (AdapterFusion). */
  readonly scope: () => ParameterScope;
  readonly options: object;
  /** Makes a value an output of the model under a name, e.g. attention weights. */
  readonly expose: (name: string, value: Value) => void;
}

/** What the child says on its part of the state; an absent child changes nothing. */
export function contributionOf<K extends KindName>(context: AggregationContext<K>, index: number): Contributions[K] {
  const { b, kind, state, routes, children } = context;
  const region = routes[index]?.region;
  const seen = region === undefined ? state : need(context, "slice")(b, state, region);
  return children[index]?.(seen) ?? kind.nothing(b, seen);
}

/** The member `operation` of the algebra at this site, or the refusal that says what is missing. */
export function need<K extends KindName, M extends "weightedSum" | "attend" | "slice" | "concat">(
  { kind, kindName }: AggregationContext<K>, operation: M,
): NonNullable<SiteKind<K, States[K], Contributions[K]>[M]> {
  const member = kind[operation];
  if (member === undefined) {
    throw new ModlinguaError("config", `this block cannot act at ${kindName} sites: it needs ${operation}, which they do not have`,
      { remedy: "use stack there, or modules that act at other sites" });
  }
  return member;
}
