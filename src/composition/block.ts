import { unknownName } from "../base/index.js";
import type { RouterName } from "../routing/index.js";
import * as blocks from "./blocks/index.js";

/** A block of a composition: which router decides who acts where, and which aggregator joins the results. */
export interface Block<Options extends object = object> {
  readonly about: string;
  readonly router: RouterName;
  readonly aggregator: string;
  /** Keys of its options with their defaults; undefined for one that must be given. */
  readonly options: { readonly [K in keyof Options]: Options[K] | undefined };
  /** Whether the block has parameters of its own, which a module given as `module` holds. */
  readonly parametric?: boolean;
}

type Registry = typeof blocks;
export type BlockName = keyof Registry;
export type OptionsOf<N extends BlockName> = Registry[N] extends Block<infer Options> ? Partial<Options> : never;

export const blockNames = Object.keys(blocks) as BlockName[];

export function blockOf(name: string): Block {
  if (!Object.hasOwn(blocks, name)) throw unknownName("config", "block", name, blockNames);
  return blocks[name as BlockName] as unknown as Block;
}
