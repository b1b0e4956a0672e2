import { ModlinguaError } from "../../base/index.js";
import type { Router } from "../router.js";

/** Consecutive stretches of the sequence, one a child; `splits` are their lengths and must sum to the sequence length. */
export const segments: Router<{ readonly splits?: readonly number[] | number }> = {
  about: "each module acts on its stretch of the sequence",
  route(children, { splits }) {
    const sizes = typeof splits === "number" ? Array.from({ length: children }, () => splits) : splits;
    if (sizes?.length !== children || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
      throw new ModlinguaError("config", `needs ${children} positive lengths, one a child, got ${JSON.stringify(splits)}`, { place: "split" });
    }
    return sizes.map((_, index) => ({ weight: 1, region: { axis: "sequence", index, count: children, sizes } }));
  },
};
