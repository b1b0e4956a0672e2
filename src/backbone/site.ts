/**
 * A place in a backbone where a module may act. Sites are plain data: they name values of the canonical
 * graph and therefore hold for every copy of it.
 */
export type Site = ResidualSite | LinearSite | EmbeddingSite;
export type KindName = Site["kind"];
export type SiteOf<K extends KindName> = Extract<Site, { kind: K }>;

interface Place {
  /** Layer number from 0; −1 for a place of the whole model. */
  readonly layer: number;
  /** The field's name of the place, e.g. `ffnOutput` or `query`. */
  readonly place: string;
}

/** The end of a sub-block, before its residual connection: `output = norm(hidden + residual)` (post-norm) or `hidden + residual` (pre-norm). */
export interface ResidualSite extends Place {
  readonly kind: "residual";
  readonly place: "attentionOutput" | "ffnOutput";
  readonly width: number;
  /** The sub-block's result before the residual is added, [batch, sequence, width]. */
  readonly hidden: string;
  /** What the sub-block adds back, [batch, sequence, width]. */
  readonly residual: string;
  /** The sum of both, and which of its two inputs is the residual. */
  readonly sum: string;
  readonly residualInput: 0 | 1;
  /** Output of the LayerNormalization that follows in a post-norm encoder; absent in a pre-norm one. */
  readonly normed?: string;
}

/** A projection `output = input · weight (+ bias)`. */
export interface LinearSite extends Place {
  readonly kind: "linear";
  readonly inWidth: number;
  readonly outWidth: number;
  /** The product with the weight, and the projection's output: the product after the bias, where there is one. */
  readonly product: string;
  readonly output: string;
  /** The frozen weight and whether the graph holds it as [out, in]. */
  readonly weight: string;
  readonly transposed: boolean;
}

/** The output of the embedding module, [batch, sequence, width]. */
export interface EmbeddingSite extends Place {
  readonly kind: "embedding";
  readonly place: "embedding";
  readonly width: number;
  readonly output: string;
}

/** `residual · 3 · ffnOutput` */
export function siteName({ kind, layer, place }: Site): string {
  return layer < 0 ? `${kind} · ${place}` : `${kind} · ${layer} · ${place}`;
}
