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
  const [output] = node.outputs;
  if (output === undefined || node.domain !== "" || graph.outputs.includes(output)) return false;
  const source = sourceOf(node, output);
  if (source === undefined) return false;
  graph.replaceUses(output, source);
  graph.removeNode(node);
  return true;
}

/** The input that a node gives back as it is. */
function sourceOf(node: Node, output: Value): Value | undefined {
  const [first] = node.inputs;
  if (node.op === "Where") return chosen(node, output);
  return first !== undefined && givesBack(node, first, output) ? first : undefined;
}

function chosen(node: Node, output: Value): Value | undefined {
  const condition = numbersOf(node.inputs[0]);
  if (condition === undefined || condition.length === 0 || condition.some((flag) => flag !== condition[0])) return undefined;
  const side = node.input(condition[0] === 0 ? 2 : 1);
  return sameShape(side, output) ? side : undefined;
}

function givesBack(node: Node, source: Value, output: Value): boolean {
  switch (node.op) {
    case "Identity": return true;
    case "Dropout": return !isTraining(node) && (node.outputs[1]?.uses.size ?? 0) === 0;
    case "Cast": return source.dtype !== undefined && dtypeOfOnnx(node.number("to", 0)) === source.dtype;
    case "Reshape": case "Expand": case "Tile": case "Flatten": case "Squeeze": case "Unsqueeze": return sameShape(source, output);
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
