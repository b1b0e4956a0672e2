import type { Contributions, EncoderConfig, KindName, SiteOf, States } from "../backbone/index.js";
import { type FloatTensor, unknownName } from "../base/index.js";
import type { GraphBuilder } from "../onnx/index.js";
import type { ParameterScope } from "./scope.js";
import * as methods from "./methods/index.js";

/** What one module computes at one site: `h = f(x; θ, φ)` of the survey's Algorithm 1. */
export type Contribute<Config, K extends KindName> = (b: GraphBuilder, state: States[K], scope: ParameterScope, config: Config, site: SiteOf<K>) => Contributions[K];

/**
 * A way of computing with few parameters. It says at which places it acts and what it contributes there;
 * it never asks who else is active and never decides what is trained.
 */
export interface Method<Config extends object> {
  /** One line with the paper. */
  readonly about: string;
  /** Every key of the configuration with its default. */
  readonly defaults: Config;
  /** Named configurations of the literature. */
  readonly presets: Readonly<Record<string, Partial<Config>>>;
  /** Refuses configurations that mean nothing, for a backbone of this shape. */
  check(config: Config, backbone: EncoderConfig): void;
  /** Places by kind of site; a site of another place or of a layer left out is not touched. */
  at(config: Config): { readonly [K in KindName]?: readonly string[] };
  /** Layers, from 0, where the module is absent. */
  readonly leaveOut?: (config: Config) => readonly number[];
  readonly contribute: { readonly [K in KindName]?: Contribute<Config, K> };
  /**
   * For methods that only change projections: the change of a weight, [in, out], that does what the module does there, from its parameters
   * at the site; undefined for a configuration in which no change of weights does.
   */
  readonly weightChange?: (config: Config, site: SiteOf<"linear">, parameter: (name: string) => FloatTensor) => Float32Array | undefined;
}

type Registry = typeof methods;
export type MethodName = keyof Registry;
type ConfigOf<M> = M extends Method<infer Config> ? Config : never;

/** The configuration of a module: the method's name and any of its keys; `preset` fills in the named ones first. */
export type ModuleConfig = { [M in MethodName]: { readonly method: M; readonly preset?: string } & Partial<ConfigOf<Registry[M]>> }[MethodName];

/** A configuration with every key present, as it is saved and hashed. */
export type FullConfig = { [M in MethodName]: { readonly method: M } & ConfigOf<Registry[M]> }[MethodName];

export function methodNames(): MethodName[] {
  return Object.keys(methods) as MethodName[];
}

export function methodOf(name: string): Method<object> {
  if (!Object.hasOwn(methods, name)) throw unknownName("config", "adapter method", name, methodNames());
  return methods[name as MethodName] as unknown as Method<object>;
}

/** Completes a configuration with its preset and the method's defaults; refuses keys that the method does not have. */
export function completeConfig(config: ModuleConfig): FullConfig {
  const { method: name, preset, ...given } = config as { readonly method: string; readonly preset?: string } & Record<string, unknown>;
  const method = methodOf(name);
  const known = Object.keys(method.defaults);
  for (const key of Object.keys(given)) if (!known.includes(key)) throw unknownName("config", `key of the method ${name}`, key, known);
  if (preset !== undefined && !Object.hasOwn(method.presets, preset)) throw unknownName("config", `preset of the method ${name}`, preset, Object.keys(method.presets));
  const named = preset === undefined ? {} : method.presets[preset];
  return { method: name, ...method.defaults, ...named, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) } as FullConfig;
}

/** Whether a module of this configuration acts at a site. */
export function actsAt(config: FullConfig, kind: KindName, layer: number, place: string): boolean {
  const method = methodOf(config.method);
  if (layer >= 0 && (method.leaveOut?.(config) ?? []).includes(layer)) return false;
  return method.at(config)[kind]?.includes(place) ?? false;
}
