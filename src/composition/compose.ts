import { ModlinguaError, unknownName } from "../base/index.js";
import { type BlockName, type OptionsOf, blockNames, blockOf } from "./block.js";

/** Anything with a name can stand in a composition: an adapter, or just its name. */
export interface Named {
  readonly name: string;
}

/** A composition as plain data: a module's name, or `{ stack: [...] }`, `{ average: [...], weights: [...] }` … It prints, diffs, hashes and saves. */
export type Composition = string | CompositionNode;
export interface CompositionNode {
  readonly [key: string]: readonly Composition[] | unknown;
}

/** What the constructors take: modules themselves, names, or compositions. */
export type Part = Named | Composition;

/** A tree with its block's name and children set apart; what `parseComposition` makes of the plain form. */
export type Tree = { readonly leaf: string } | { readonly block: BlockName; readonly children: readonly Tree[]; readonly options: Readonly<Record<string, unknown>> };

type Constructors = { readonly [N in BlockName]: (children: readonly Part[], options?: OptionsOf<N>) => CompositionNode };

/** One constructor a block: `compose.stack(["sw", "ner"])` is a value. */
export const compose: Constructors = Object.fromEntries(
  blockNames.map((name) => [name, (children: readonly Part[], options: object = {}) => ({ [name]: children.map(nameOf), ...options })]),
) as unknown as Constructors;

export const { stack, fuse, average, split, parallel, batchSplit } = compose;

function nameOf(part: Part): Composition {
  if (typeof part === "string") return part;
  return isNamed(part) ? part.name : part;
}

function isNamed(part: Named | CompositionNode): part is Named {
  return typeof part === "object" && typeof part.name === "string" && !blockNames.some((name) => Array.isArray((part as CompositionNode)[name]));
}

/** Checks a composition given as data (or as a module) and sets block, children and options apart. */
export function parseComposition(composition: Part | null | undefined): Tree | undefined {
  if (composition === null || composition === undefined) return undefined;
  const plain = nameOf(composition);
  if (typeof plain === "string") return { leaf: plain };
  if (typeof plain !== "object") throw new ModlinguaError("config", `a composition is a name or a block, got ${JSON.stringify(plain)}`);
  const named = blockNames.filter((name) => Object.hasOwn(plain, name));
  const [block] = named;
  if (block === undefined || named.length > 1) {
    throw new ModlinguaError("config", `a block of a composition has exactly one of the keys ${blockNames.join(", ")}, got ${Object.keys(plain).join(", ") || "none"}`);
  }
  const { [block]: children, ...options } = plain;
  if (!Array.isArray(children) || children.length === 0) throw new ModlinguaError("config", `needs a list of at least one child, got ${JSON.stringify(children)}`, { place: block });
  const known = Object.keys(blockOf(block).options);
  for (const key of Object.keys(options)) if (!known.includes(key)) throw unknownName("config", `option of ${block}`, key, known);
  return { block, children: children.map((child) => parseComposition(child as Part)!), options };
}

/** Names of the modules in a composition, each once, in order of appearance; modules of blocks (fusions) come after their children. */
export function modulesOf(tree: Tree | undefined): string[] {
  if (tree === undefined) return [];
  if ("leaf" in tree) return [tree.leaf];
  const own = blockOf(tree.block).parametric ? [fusionName(tree)] : [];
  return [...new Set([...tree.children.flatMap(modulesOf), ...own])];
}

/** The name of the module that holds a block's own parameters: `options.module`, or its children's names joined by commas. */
export function fusionName(tree: Exclude<Tree, { leaf: string }>): string {
  return typeof tree.options["module"] === "string" ? tree.options["module"] : tree.children.map((child) => modulesOf(child).at(-1)).join(",");
}

/** How many copies of the input a composition needs: the children of its `parallel` blocks. */
export function copiesOf(tree: Tree | undefined): number {
  if (tree === undefined || "leaf" in tree) return 1;
  const nested = Math.max(...tree.children.map(copiesOf));
  if (tree.block === "batchSplit" && nested > 1) throw new ModlinguaError("config", "a parallel block cannot stand inside a batchSplit: its copies are of the whole batch", { remedy: "put the batchSplit inside the parallel block" });
  if (tree.block !== "parallel") return nested;
  if (nested > 1) throw new ModlinguaError("config", "a parallel block cannot stand inside another one");
  return tree.children.length;
}

/** `stack(sw, ner)` */
export function printComposition(tree: Tree | undefined): string {
  if (tree === undefined) return "none";
  return "leaf" in tree ? tree.leaf : `${tree.block}(${tree.children.map(printComposition).join(", ")})`;
}
