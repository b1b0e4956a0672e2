import { ModlinguaError } from "../../base/index.js";
import type { Router } from "../router.js";

/** Fixed weights, 1 ÷ n by default, divided by their sum unless `normalize` is false. */
export const weighted: Router<{ readonly weights?: readonly number[]; readonly normalize?: boolean }> = {
  about: "every module acts on everything, with a fixed weight",
  route(children, { weights = Array.from({ length: children }, () => 1), normalize = true }) {
    if (weights.length !== children || !weights.every(Number.isFinite)) {
      throw new ModlinguaError("config", `needs ${children} finite weights, one a child, got ${JSON.stringify(weights)}`, { place: "average" });
    }
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (normalize && !(sum > 0)) {
      throw new ModlinguaError("config", `the weights ${weights.join(", ")} sum to ${sum} and cannot be normalised`, { place: "average", remedy: "give normalize: false to use them as they are" });
    }
    return weights.map((weight) => ({ weight: normalize ? weight / sum : weight }));
  },
};
