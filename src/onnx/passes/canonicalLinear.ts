import type { Pass } from "../pass.js";

/** Adds and products of a constant and an activation come in both orders; one order saves every reader a case. */
export const canonicalLinear: Pass = {
  name: "canonicalLinear",
  does: "puts the constant second in Add and Mul, so that a linear layer reads Add(MatMul(x, weight), bias)",
  requires: ["constantNodes"],
  run(graph) {
    let changes = 0;
    for (const node of graph.nodes) {
      const [first, second] = node.inputs;
      if ((node.op !== "Add" && node.op !== "Mul") || node.domain !== "" || !first?.isConstant || second === undefined || second.isConstant) continue;
      graph.setInput(node, 0, second);
      graph.setInput(node, 1, first);
      changes++;
    }
    return changes;
  },
};
