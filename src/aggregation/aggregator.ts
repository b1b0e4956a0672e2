import type { Contributions, KindName, SiteKind, States } from "../backbone/index.js";
import { unknownName } from "../base/index.js";
import * as aggregators from "./aggregators/index.js";
import type { AggregationContext } from "./context.js";

/** Makes one contribution of several: the survey's y = aggregate(α, H) (Pfeiffer et al. 2023, section 5). */
export interface Aggregator {
  readonly about: string;
  /** Members of the site's algebra that it uses, so that the support matrix can be read off. */
  readonly needs: readonly (keyof SiteKind<"residual", States["residual"], Contributions["residual"]>)[];
  aggregate<K extends KindName>(context: AggregationContext<K>): Contributions[K];
}

const registry: Readonly<Record<string, Aggregator>> = aggregators;

export function aggregatorOf(name: string): Aggregator {
  const aggregator = registry[name];
  if (aggregator === undefined) throw unknownName("config", "aggregator", name, Object.keys(registry));
  return aggregator;
}
