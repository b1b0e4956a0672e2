import type { Aggregator } from "../aggregator.js";

/** Function composition: each child acts on the state that the ones before it left. */
export const sequential: Aggregator = {
  about: "one after the other (function composition)",
  needs: ["merge", "join"],
  aggregate({ b, kind, state, children }) {
    const [first, ...rest] = children.flatMap((child) => (child === undefined ? [] : [child]));
    if (first === undefined) return kind.nothing(b, state);
    let joint = first(state);
    let current = kind.merge(b, state, joint);
    for (const child of rest) {
      const next = child(current);
      current = kind.merge(b, current, next);
      joint = kind.join(b, joint, next);
    }
    return joint;
  },
};
