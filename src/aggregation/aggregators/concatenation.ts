import type { Aggregator } from "../aggregator.js";
import { contributionOf, need } from "../context.js";

/** The children's results put back beside each other along the axis on which the router had cut. */
export const concatenation: Aggregator = {
  about: "the results beside each other, along the batch or the sequence",
  needs: ["slice", "concat"],
  aggregate(context) {
    const axis = context.routes[0]?.region?.axis ?? "batch";
    const present = context.routes.map((route, index) => ({ route, index })).filter(({ route: { region } }) => region?.sizes === undefined || region.sizes[region.index]! > 0);
    return need(context, "concat")(context.b, present.map(({ index }) => contributionOf(context, index)), axis);
  },
};
