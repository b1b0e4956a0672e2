import { unknownName } from "../base/index.js";
import type { Region } from "../backbone/index.js";
import * as routers from "./routers/index.js";

/**
 * What one child of a block gets to see, and how strongly it counts: the survey's α = route(x, t). A child
 * without a region sees the whole input.
 */
export interface Route {
  readonly weight: number;
  readonly region?: Region;
}

/** Decides which modules act on which part of the input (Pfeiffer et al. 2023, section 4). */
export interface Router<Options extends object = object> {
  readonly about: string;
  /** One route a child; refuses options that do not fit the number of children. */
  route(children: number, options: Options): readonly Route[];
}

const registry: Readonly<Record<string, Router<never>>> = routers;
export type RouterName = keyof typeof routers;

export function routerOf(name: string): Router {
  const router = registry[name];
  if (router === undefined) throw unknownName("config", "router", name, Object.keys(registry));
  return router as unknown as Router;
}
