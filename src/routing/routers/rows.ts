import { ModlinguaError } from "../../base/index.js";
import type { Router } from "../router.js";

/** Consecutive examples of the batch, one group a child; `batchSizes` must sum to the batch size, zero is allowed. */
export const rows: Router<{ readonly batchSizes?: readonly number[] | number }> = {
  about: "each module acts on its examples of the batch",
  route(children, { batchSizes }) {
    const sizes = typeof batchSizes === "number" ? Array.from({ length: children }, () => batchSizes) : batchSizes;
    if (sizes?.length !== children || !sizes.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new ModlinguaError("config", `needs ${children} sizes of zero or more, one a child, got ${JSON.stringify(batchSizes)}`, { place: "batchSplit" });
    }
    return sizes.map((_, index) => ({ weight: 1, region: { axis: "batch", index, count: children, sizes } }));
  },
};
