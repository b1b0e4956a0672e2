import type { Aggregator } from "../aggregator.js";
import { contributionOf, need } from "../context.js";

/** The weighted mean of the children's results. */
export const weightedSum: Aggregator = {
  about: "the weighted sum of the results",
  needs: ["weightedSum"],
  aggregate: (context) => need(context, "weightedSum")(context.b, context.children.map((_, index) => contributionOf(context, index)), context.routes.map(({ weight }) => weight)),
};
