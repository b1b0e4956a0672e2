import { sizeOf } from "../../base/index.js";
import { evaluate } from "../evaluate.js";
import type { Graph, Node } from "../graph.js";
import { fixedShape } from "../match.js";
import type { Pass } from "../pass.js";
import { inferNode } from "../shapeInference.js";

/** Larger results are weights, which stay where they are. */
const largestFolded = 4096;

export const foldConstants: Pass = {
  name: "foldConstants",
  does: `computes scale factors and other arithmetic on constants of at most ${largestFolded} elements`,
  requires: ["constantNodes", "normalizeOpset"],
  run(graph) {
    let changes = 0;
    for (const node of graph.sortedNodes()) if (folded(graph, node)) changes++;
    return changes;
  },
};

function folded(graph: Graph, node: Node): boolean {
  if (node.domain !== "" || node.outputs.length !== 1 || node.captures.length > 0 || graph.outputs.includes(node.output())) return false;
  const inputs = node.inputs.flatMap((value) => value?.tensor ?? []);
  if (inputs.length < node.inputs.length || inputs.some(({ data }) => data.length > largestFolded)) return false;
  inferNode(node);
  const { dtype } = node.output();
  const dims = fixedShape(node.output());
  if (dtype === undefined || dtype === "string" || dims === undefined || sizeOf(dims) > largestFolded) return false;
  const result = evaluate(node, inputs, { dtype, dims });
  if (result === undefined) return false;
  graph.becomeConstant(node.output(), { inline: result });
  return true;
}
