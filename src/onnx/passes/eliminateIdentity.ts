import type { Graph, Node, Value } from "../graph.js";
import { numbersOf } from "../inference/rule.js";
import { sameShape, scalarOf } from "../match.js";
import type { Pass } from "../pass.js";
import { dtypeOfOnnx } from "../types.js";

export const eliminateIdentity: Pass = {
  name: "eliminateIdentity",
  does: "removes nodes that give back what they read: Identity, Dropout at inference, casts, reshapes, slices and scalings that change nothing",
  requires: ["constantNodes"],
  run(graph) {
    let changes = 0;
    for (const node of graph.sortedNodes()) if (removed(graph, node)) changes++;
    return changes;
  },
};

/** A graph output keeps its name, and with it the node that makes it. */
function removed(graph: Graph, node: Node): boolean {
  const output = node.outputs[0];
  const source = node.inputs[0];
  if (source === undefined || output === undefined || node.domain !== "" || graph.outputs.includes(output) || !givesBack(node, source, output)) return false;
  graph.replaceUses(output, source);
  graph.removeNode(node);
  return true;
}

function givesBack(node: Node, source: Value, output: Value): boolean {
  switch (node.op) {
    case "Identity": return true;
    case "Dropout": return !isTraining(node) && (node.outputs[1]?.uses.size ?? 0) === 0;
    case "Cast": return source.dtype !== undefined && dtypeOfOnnx(node.number("to", 0)) === source.dtype;
    case "Reshape": case "Expand": case "Tile": case "Flatten": return sameShape(source, output);
    case "Squeeze": case "Unsqueeze": return sameShape(source, output);
    case "Slice": return sameShape(source, output) && isForward(node);
    case "Transpose": return node.numbers("perm")?.every((axis, index) => axis === index) ?? false;
    case "Concat": case "Sum": case "Min": case "Max": case "Mean": return node.inputs.length === 1;
    case "Mul": case "Div": return scalarOf(node.inputs[1]) === 1 && sameShape(source, output);
    default: return false;
  }
}

/** The third input is the training mode since opset 12; before, a Dropout in a file is one at inference. */
function isTraining(node: Node): boolean {
  const mode = node.inputs[2];
  return mode !== undefined && scalarOf(mode) !== 0;
}

/** A slice of full length is the whole, unless it runs backwards. */
function isForward(node: Node): boolean {
  return node.inputs[4] === undefined || (numbersOf(node.inputs[4])?.every((step) => step > 0) ?? false);
}
