import { ModlinguaError } from "../base/index.js";
import type { Region } from "../backbone/index.js";
import { routerOf } from "../routing/index.js";
import { blockOf } from "./block.js";
import type { Tree } from "./compose.js";

/** Refuses a batch of `rows` × `length` pieces that the regions of a composition do not cover exactly. */
export function checkSizes(tree: Tree | undefined, rows: number, length: number): void {
  if (tree === undefined || "leaf" in tree) return;
  const routes = routerOf(blockOf(tree.block).router).route(tree.children.length, tree.options);
  tree.children.forEach((child, index) => {
    const region = routes[index]?.region;
    if (region?.sizes === undefined) return checkSizes(child, rows, length);
    requireSum(tree.block, region, region.sizes, region.axis === "batch" ? rows : length);
    const own = region.sizes[index]!;
    checkSizes(child, region.axis === "batch" ? own : rows, region.axis === "sequence" ? own : length);
  });
}

function requireSum(block: string, { axis }: Region, sizes: readonly number[], whole: number): void {
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sum === whole) return;
  const what = axis === "batch" ? "examples" : "positions";
  throw new ModlinguaError("config", `${sizes.join(" + ")} = ${sum} ${what}, but the batch has ${whole}`, { place: block, remedy: `give sizes that sum to ${whole}, padding included` });
}
