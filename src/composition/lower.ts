import { type Child, aggregatorOf } from "../aggregation/index.js";
import { type Bijection, type Contributions, type KindName, type Site, type SiteOf, type States, kindOf } from "../backbone/index.js";
import { type Contribute, type FullConfig, type ParameterScope, actsAt, methodOf } from "../computation/index.js";
import type { GraphBuilder, Node, Value } from "../onnx/index.js";
import { routerOf } from "../routing/index.js";
import { blockOf } from "./block.js";
import { type Tree, fusionName } from "./compose.js";

/** What lowering needs to know of the modules that a composition names. */
export interface Modules {
  /** Configuration of a leaf. */
  config(name: string): FullConfig;
  /** Where the parameters of a module at a site come from. */
  scope(name: string, site: Site): ParameterScope;
  /** Makes a value an output of the model. */
  expose(name: string, value: Value): void;
}

/**
 * Writes a composition onto a graph, site by site. Returns the way back through the invertible modules,
 * which a masked-LM head takes before the vocabulary matrix.
 */
export function lower(b: GraphBuilder, sites: readonly Site[], tree: Tree | undefined, modules: Modules): Bijection {
  let invert: Bijection = (_, value) => value;
  if (tree === undefined) return invert;
  for (const site of sites) {
    const state = lowerAt(b, site, tree, modules);
    if (site.kind === "embedding" && state !== undefined) ({ invert } = state as States["embedding"]);
  }
  return invert;
}

function lowerAt<K extends KindName>(b: GraphBuilder, site: SiteOf<K>, tree: Tree, modules: Modules): States[K] | undefined {
  const kind = kindOf(site.kind as K);
  const before = b.graph.nodes.size;
  const here = b.within(site.layer < 0 ? site.place : `layer.${site.layer}.${site.place}`);
  const child = childAt(here, site, tree, modules);
  if (child === undefined) return undefined;
  const state = kind.read(here, site);
  const merged = kind.merge(here, state, child(state));
  kind.write(here, site, merged, nodesSince(b, before));
  return merged;
}

/**
 * Algorithm 1 of Pfeiffer et al. 2023 at one site: α = route(x, t); hⱼ = f(x; θ, φⱼ) for every module j;
 * y = aggregate(α, H). A module that is absent here gives undefined.
 */
function childAt<K extends KindName>(b: GraphBuilder, site: SiteOf<K>, tree: Tree, modules: Modules): Child<K> {
  if ("leaf" in tree) return compute(b, site, tree.leaf, modules);
  const block = blockOf(tree.block);
  const children = tree.children.map((child) => childAt(b, site, child, modules));
  if (children.every((child) => child === undefined)) return undefined;
  const routes = routerOf(block.router).route(children.length, tree.options);
  return (state) => aggregatorOf(block.aggregator).aggregate({
    b, kind: kindOf(site.kind as K), kindName: site.kind as K, state, routes, children, options: given(tree.options),
    scope: () => modules.scope(fusionName(tree), site),
    expose: (name, value) => modules.expose(`${name}/${fusionName(tree)}/${site.layer}/${site.place}`, value),
  });
}

function compute<K extends KindName>(b: GraphBuilder, site: SiteOf<K>, name: string, modules: Modules): Child<K> {
  const config = modules.config(name);
  if (!actsAt(config, site.kind, site.layer, site.place)) return undefined;
  const contribute = methodOf(config.method).contribute[site.kind] as Contribute<object, K> | undefined;
  return contribute && ((state: States[K]): Contributions[K] => contribute(b.within(name), state, modules.scope(name, site), config, site));
}

function nodesSince(b: GraphBuilder, count: number): Set<Node> {
  return new Set([...b.graph.nodes].slice(count));
}

function given(options: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(options).filter(([key, value]) => key !== "module" && value !== undefined));
}
