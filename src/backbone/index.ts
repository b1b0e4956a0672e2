import * as kinds from "./kinds/index.js";
import type { Contributions, SiteKind, States } from "./kind.js";
import type { KindName } from "./site.js";

export * from "./backbone.js";
export * from "./family.js";
export * from "./findSites.js";
export * from "./norms.js";
export * from "./kind.js";
export * from "./site.js";
export type { ResidualContribution, ResidualState } from "./kinds/residual.js";
export type { LinearContribution, LinearState } from "./kinds/linear.js";
export type { Bijection, EmbeddingContribution, EmbeddingState } from "./kinds/embedding.js";

const registry: { readonly [K in KindName]: SiteKind<K, States[K], Contributions[K]> } = kinds;
export const kindNames = Object.keys(registry) as KindName[];

/** The algebra of a kind of site. */
export function kindOf<K extends KindName>(kind: K): SiteKind<K, States[K], Contributions[K]> {
  return registry[kind] as SiteKind<K, States[K], Contributions[K]>;
}
