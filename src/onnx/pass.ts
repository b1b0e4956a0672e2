import { ModlinguaError } from "../base/index.js";
import type { Graph, Node, Value } from "./graph.js";
import { inferShapes } from "./shapeInference.js";

/** One rewriting of a graph in place. It keeps what the graph computes, and the names of its inputs and outputs. */
export interface Pass {
  readonly name: string;
  /** What it does, in one line. */
  readonly does: string;
  /** Passes that must have run before. */
  readonly requires: readonly string[];
  /** Returns the number of changes; 0 means the graph is as it was. */
  run(graph: Graph): number;
}

/**
 * Runs passes over a graph in place, in the given order, and checks the graph after each that changed it.
 * Shapes are inferred before the first and again after every change. Returns the changes by pass.
 * Throws "graph" where a pass stands before one it requires, or where a pass fails (naming those that ran before it).
 */
export function runPasses(graph: Graph, passes: readonly Pass[]): ReadonlyMap<string, number> {
  const changes = new Map<string, number>();
  inferShapes(graph);
  for (const pass of passes) {
    const missing = pass.requires.find((name) => !changes.has(name));
    if (missing !== undefined) throw new ModlinguaError("graph", `pass ${pass.name} requires ${missing}, which has not run`, { remedy: `put ${missing} before it` });
    changes.set(pass.name, (changes.get(pass.name) ?? 0) + runPass(graph, pass, [...changes.keys()]));
  }
  return changes;
}

function runPass(graph: Graph, pass: Pass, before: readonly string[]): number {
  try {
    const changed = pass.run(graph);
    if (changed === 0) return 0;
    graph.prune();
    verify(graph);
    inferShapes(graph);
    return changed;
  } catch (error) {
    if (!(error instanceof ModlinguaError)) throw error;
    throw new ModlinguaError(error.kind, `pass ${pass.name}: ${error.message}`, { place: `graph ${graph.name}${before.length === 0 ? "" : `, after ${before.join(", ")}`}`, cause: error });
  }
}

/**
 * Checks that the links of a graph are whole: every input of a node exists and knows this use, every use is real,
 * every value has one origin, the domains in use have an opset, and there is no cycle. Throws "graph" with the place otherwise.
 */
export function verify(graph: Graph): void {
  const values = new Set([...graph.inputs, ...graph.constants, ...graph.outputs]);
  for (const node of graph.nodes) {
    verifyNode(graph, node);
    for (const value of [...node.inputs, ...node.captures, ...node.outputs]) if (value !== undefined) values.add(value);
  }
  for (const value of values) verifyValue(graph, value);
  graph.sortedNodes();
}

function verifyNode(graph: Graph, node: Node): void {
  node.inputs.forEach((value, index) => {
    if (value === undefined) return;
    if (![...value.uses].some((use) => use.node === node && use.index === index)) throw broken(graph, node, `reads ${JSON.stringify(value.name)}, which does not know of it`);
  });
  const foreign = node.outputs.find((value) => value.producer !== node);
  if (foreign !== undefined) throw broken(graph, node, `lists ${JSON.stringify(foreign.name)} among its outputs, which has another producer`);
  if (!graph.opset.has(node.domain)) throw broken(graph, node, `uses the domain ${JSON.stringify(node.domain)}, for which the graph has no opset`);
}

function verifyValue(graph: Graph, value: Value): void {
  if (!graph.has(value.name) || graph.value(value.name) !== value) throw broken(graph, value.producer, `${JSON.stringify(value.name)} is not a value of this graph`);
  const origins = [value.producer !== undefined, value.isConstant, graph.inputs.includes(value)].filter(Boolean).length;
  if (origins !== 1) throw broken(graph, value.producer, `${JSON.stringify(value.name)} has ${origins === 0 ? "no origin" : "two origins"}`);
  if (value.producer !== undefined && !graph.nodes.has(value.producer)) throw broken(graph, value.producer, `${JSON.stringify(value.name)} comes from a node that was removed`);
  for (const { node, index } of value.uses) {
    const real = graph.nodes.has(node) && (index < 0 ? node.captures.includes(value) : node.inputs[index] === value);
    if (!real) throw broken(graph, node, `does not read ${JSON.stringify(value.name)}, which says so`);
  }
}

function broken(graph: Graph, node: Node | undefined, problem: string): ModlinguaError {
  return new ModlinguaError("graph", problem, { place: node === undefined ? `graph ${graph.name}` : `node ${node.name} (${node.op})` });
}
