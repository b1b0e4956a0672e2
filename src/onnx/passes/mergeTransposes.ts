import type { Shape } from "../../base/index.js";
import type { Graph, Node } from "../graph.js";
import { producedBy, sameShape } from "../match.js";
import type { Pass } from "../pass.js";

export const mergeTransposes: Pass = {
  name: "mergeTransposes",
  does: "writes Reshape–Transpose–Reshape that only swaps the last two axes as one Transpose, and joins consecutive ones",
  requires: ["simplifyShapes"],
  run(graph) {
    let changes = 0;
    for (const node of graph.sortedNodes()) {
      if (unfoldedSwap(graph, node)) changes++;
    }
    for (const node of graph.sortedNodes()) if (node.op === "Transpose" && node.domain === "" && joined(graph, node)) changes++;
    return changes;
  },
};

/** torch's dynamo exporter transposes keys as [b, h, s, d] → [b·h, s, d] → [b·h, d, s] → [b, h, d, s]. */
function unfoldedSwap(graph: Graph, node: Node): boolean {
  const swap = node.op === "Reshape" && node.domain === "" ? producedBy(node.inputs[0], "Transpose") : undefined;
  const folded = producedBy(swap?.inputs[0], "Reshape");
  const source = folded?.inputs[0];
  if (swap?.numbers("perm")?.join() !== "0,2,1" || source?.shape === undefined || source.shape.length < 3) return false;
  const rank = source.shape.length;
  const isSwap = equalDims(node.output().shape, [...source.shape.slice(0, -2), source.shape[rank - 1]!, source.shape[rank - 2]!])
    && equalDims(folded?.output().shape?.slice(1), source.shape.slice(-2));
  if (!isSwap) return false;
  graph.substitute(node, "Transpose", [source], { perm: [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2] });
  return true;
}

function equalDims(a: Shape | undefined, b: Shape): boolean {
  return a !== undefined && a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function joined(graph: Graph, node: Node): boolean {
  const before = producedBy(node.inputs[0], "Transpose");
  const [first, second] = [before?.numbers("perm"), node.numbers("perm")];
  if (before === undefined || first === undefined || second === undefined) return false;
  const perm = second.map((axis) => first[axis]!);
  const isIdentity = perm.every((axis, index) => axis === index);
  if (isIdentity && !graph.outputs.includes(node.output()) && sameShape(before.input(0), node.output())) {
    graph.replaceUses(node.output(), before.input(0));
    graph.removeNode(node);
  } else graph.substitute(node, "Transpose", [before.input(0)], { perm });
  return true;
}
