import type { OnnxGraph } from "../../formats/index.js";
import type { Graph, Node, Value } from "../graph.js";
import { integersOf } from "../inference/rule.js";
import { graphFromModel } from "../model.js";
import type { Pass } from "../pass.js";
import { inferNode } from "../shapeInference.js";

/** Exporters write If on conditions that shapes decide: DeBERTa's "are there as many queries as keys?". */
export const inlineBranches: Pass = {
  name: "inlineBranches",
  does: "replaces an If whose condition follows from the shapes by the branch that is taken",
  requires: [],
  run(graph) {
    let changes = 0;
    for (let found = inlineAll(graph); found > 0; found = inlineAll(graph)) changes += found;
    return changes;
  },
};

/** One walk, producers first; a branch may hold further ones, which the next walk finds. */
function inlineAll(graph: Graph): number {
  let changes = 0;
  for (const node of graph.sortedNodes()) {
    const branch = takenBranch(node);
    if (branch === undefined) inferNode(node);
    else {
      replaceByBranch(graph, node, branch);
      changes++;
    }
  }
  return changes;
}

function takenBranch(node: Node): OnnxGraph | undefined {
  const condition = node.op === "If" && node.domain === "" ? integersOf(node.inputs[0])?.[0] : undefined;
  const attribute = typeof condition === "number" ? node.attributes.get(condition === 0 ? "else_branch" : "then_branch") : undefined;
  return attribute !== undefined && typeof attribute === "object" && "graph" in attribute ? attribute.graph : undefined;
}

function replaceByBranch(graph: Graph, node: Node, branch: OnnxGraph): void {
  const results = inlined(graph, node, branch);
  const [only] = results;
  if (node.outputs.length === 1 && only !== undefined) {
    inferNode(graph.substitute(node, "Identity", [only]));
    return;
  }
  node.outputs.forEach((output, index) => graph.replaceUses(output, results[index]!));
  graph.removeNode(node);
}

/** Copies a branch into the graph, under fresh names; returns the values that are its results. */
function inlined(graph: Graph, node: Node, branch: OnnxGraph): Value[] {
  const opsetImport = [...graph.opset].map(([domain, version]) => ({ domain, version }));
  const source = graphFromModel({
    irVersion: 9, producerName: "", opsetImport, metadata: {}, functions: [],
    graph: { ...branch, inputs: node.captures.map(({ name }) => ({ name })) },
  });
  const twins = new Map<Value, Value>(source.inputs.map((value) => [value, graph.value(value.name)]));
  for (const constant of source.constants) twins.set(constant, graph.addConstant(graph.freshName(constant.name), constant.data!));
  for (const inner of source.sortedNodes()) copyNode(graph, inner, twins);
  return source.outputs.map((value) => twins.get(value)!);
}

function copyNode(graph: Graph, node: Node, twins: Map<Value, Value>): void {
  const copy = graph.addNode(node.op, node.inputs.map((value) => value && twins.get(value)!), node.outputs.map(({ name }) => graph.freshName(name)),
    Object.fromEntries(node.attributes), node.domain, node.name);
  node.outputs.forEach((value, index) => twins.set(value, copy.output(index)));
  for (const value of node.captures) graph.capture(copy, twins.get(value)!);
  inferNode(copy);
}
