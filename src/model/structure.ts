import { type FullConfig, ParameterTable } from "../computation/index.js";
import { type Tree, fusionName } from "../composition/index.js";

/** What a model's session is built for: the tree with modules replaced by numbered slots. Equal structures share a session. */
export interface Structure {
  readonly tree: Tree | undefined;
  /** Configuration of each slot; undefined for the parameters of a block. */
  readonly slots: readonly { readonly slot: string; readonly config: FullConfig | undefined }[];
  readonly head: { readonly task: string; readonly config: object } | undefined;
}

/** Anything that holds parameters under a name. */
export interface Holder {
  readonly name: string;
  readonly parameters: ParameterTable;
  readonly seed: number;
}

/** The structure of a composition, and which module stands in which slot. */
export function structureOf(tree: Tree | undefined, names: readonly string[], configOf: (name: string) => FullConfig | undefined, head: Structure["head"]): Structure {
  const slotOf = new Map(names.map((name, index) => [name, `m${index}`]));
  return { tree: tree && renamed(tree, slotOf), slots: names.map((name) => ({ slot: slotOf.get(name)!, config: configOf(name) })), head };
}

function renamed(tree: Tree, slotOf: ReadonlyMap<string, string>): Tree {
  if ("leaf" in tree) return { leaf: slotOf.get(tree.leaf)! };
  const own = slotOf.get(fusionName(tree));
  return { ...tree, children: tree.children.map((child) => renamed(child, slotOf)), options: own === undefined ? tree.options : { ...tree.options, module: own } };
}

/** Text that is equal for equal structures. */
export function signatureOf(structure: Structure, purpose: string): string {
  return `${purpose}:${JSON.stringify(structure)}`;
}
