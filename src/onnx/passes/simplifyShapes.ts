import { type Dim, type Shape, type Tensor, int64, tensor } from "../../base/index.js";
import { GraphBuilder } from "../builder.js";
import type { Graph, Node, Value } from "../graph.js";
import { numbersOf } from "../inference/rule.js";
import { fixedShape, producedBy } from "../match.js";
import type { Pass } from "../pass.js";

export const simplifyShapes: Pass = {
  name: "simplifyShapes",
  does: "writes targets of Reshape and Expand, and other results of shape arithmetic, as constants where symbolic shapes allow",
  requires: ["constantNodes", "normalizeOpset"],
  run(graph) {
    const builder = new GraphBuilder(graph);
    let changes = 0;
    for (const node of graph.sortedNodes()) {
      if (producedBy(node.outputs[0], "Reshape")) changes += simplifyReshape(graph, node, builder);
      else if (producedBy(node.outputs[0], "Expand")) changes += simplifyExpand(graph, node, builder);
    }
    for (const node of graph.sortedNodes().reverse()) changes += settled(graph, node);
    return changes;
  },
};

/** `[0, 0, 12, 32]`: 0 copies a named dimension, one that is not in its place is left open as −1. */
function simplifyReshape(graph: Graph, node: Node, builder: GraphBuilder): number {
  const target = reshapeTarget(node.input(0).shape, node.output().shape);
  if (target === undefined || isAlready(node, target)) return 0;
  graph.setInput(node, 1, builder.ints(target));
  node.attributes.delete("allowzero");
  return 1;
}

function reshapeTarget(from: Shape | undefined, to: Shape | undefined): number[] | undefined {
  if (from === undefined || to === undefined || to.includes(0)) return undefined;
  const target = to.map((dim, axis) => (typeof dim === "number" ? dim : dim === from[axis] ? 0 : -1));
  return target.filter((dim) => dim === -1).length <= 1 ? target : undefined;
}

/** 1 keeps a dimension that is there already. */
function simplifyExpand(graph: Graph, node: Node, builder: GraphBuilder): number {
  const target = expandTarget(node.input(0).shape, node.output().shape);
  if (target === undefined || isAlready(node, target)) return 0;
  graph.setInput(node, 1, builder.ints(target));
  return 1;
}

function expandTarget(from: Shape | undefined, to: Shape | undefined): number[] | undefined {
  if (from === undefined || to === undefined) return undefined;
  const target = to.map((dim: Dim, axis) => (dim === from[axis - to.length + from.length] ? 1 : dim));
  return target.every((dim) => typeof dim === "number") ? (target as number[]) : undefined;
}

function isAlready(node: Node, target: readonly number[]): boolean {
  const known = node.inputs[1]?.isConstant ? numbersOf(node.inputs[1]) : undefined;
  return known?.join() === target.join() && node.number("allowzero", 0) === 0;
}

/** An integer value whose elements are all numbers becomes a constant. */
function settled(graph: Graph, node: Node): number {
  const [value] = node.outputs;
  if (value === undefined || node.outputs.length !== 1 || graph.outputs.includes(value) || value.uses.size === 0) return 0;
  const constant = constantOf(value);
  if (constant === undefined) return 0;
  graph.becomeConstant(value, { inline: constant });
  return 1;
}

function constantOf(value: Value): Tensor | undefined {
  const elements = numbersOf(value);
  const dims = fixedShape(value);
  if (elements === undefined || dims === undefined) return undefined;
  if (value.dtype === "int64") return int64(dims, elements);
  if (value.dtype === "int32") return tensor("int32", dims, Int32Array.from(elements));
  return value.dtype === "bool" ? tensor("bool", dims, Uint8Array.from(elements)) : undefined;
}
