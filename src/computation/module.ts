import { type Backbone, areAlike } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";
import { type FullConfig, type ModuleConfig, completeConfig } from "./method.js";
import { ParameterTable } from "./parameters.js";

/** The backbone that a module was made for, as far as it decides whether the module fits. */
export interface Base {
  readonly name: string;
  readonly modelType: string;
  readonly layers: number;
  readonly hidden: number;
  /** The backbone's `norms`; files written before this was kept have none. */
  readonly norms?: readonly number[];
}

/** An adapter: a name, a configuration, parameters, and the backbone it belongs to once it has any. */
export interface Adapter {
  readonly name: string;
  readonly config: FullConfig;
  readonly parameters: ParameterTable;
  /** Seed of its initial parameters. */
  readonly seed: number;
  base: Base | undefined;
  /** Facts that travel with the file: language, data, steps, licence … */
  readonly card: Record<string, unknown>;
}

/** What a module name may be: letters, digits and a few marks, so that it can be a file name and stand in a composition. */
const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}._@ -]*$/u;

/**
 * A new adapter; its parameters are drawn from `seed` (default 0) and its name when a model first uses it.
 * @example createAdapter("ner", { method: "bottleneck", reductionFactor: 16 })
 */
export function createAdapter(name: string, config: ModuleConfig = { method: "bottleneck" }, { seed = 0 }: { readonly seed?: number } = {}): Adapter {
  if (!namePattern.test(name)) throw new ModlinguaError("config", `${JSON.stringify(name)} cannot name an adapter`, { remedy: "use letters, digits and . _ - @" });
  return { name, config: completeConfig(config), parameters: new ParameterTable(), seed, base: undefined, card: {} };
}

/** What an adapter remembers of the backbone it was made for. */
export function baseOf({ name, config: { modelType, layers, hidden }, norms }: Backbone): Base {
  return { name, modelType, layers, hidden, norms };
}

/** Refuses an adapter that was made for a backbone of another shape or another pre-training. */
export function checkBase({ name, base }: Adapter, { name: backboneName, config, norms }: Backbone): void {
  if (base === undefined) return;
  const differences = [
    base.hidden === config.hidden ? undefined : `hidden size ${base.hidden} against ${config.hidden}`,
    base.layers === config.layers ? undefined : `${base.layers} layers against ${config.layers}`,
    base.modelType === config.modelType ? undefined : `family ${base.modelType} against ${config.modelType}`,
    base.norms === undefined || areAlike(base.norms, norms) ? undefined : "another pre-training (its norms differ)",
  ].filter((difference) => difference !== undefined);
  if (differences.length > 0) {
    throw new ModlinguaError("config", `the adapter ${JSON.stringify(name)} was made for ${base.name} and does not fit ${backboneName}: ${differences.join(", ")}`,
      { remedy: `load ${base.name}, or an adapter made for ${backboneName}` });
  }
}
