import { ModlinguaError } from "../base/index.js";
import type { OnnxFunction, OnnxGraph, OnnxNode } from "./onnxProto.js";

/** Inlining all local functions may not give more nodes than this. */
const maximalNodes = 1_000_000;

/**
 * Refuses local functions that call themselves (some runtimes overflow their stack on them) and those that
 * would grow beyond measure when inlined.
 */
export function checkFunctions(graph: OnnxGraph, functions: readonly OnnxFunction[], file: string | undefined): void {
  if (functions.length === 0) return;
  const byName = new Map(functions.map((one) => [key(one.domain, one.name), one]));
  const sizes = new Map<OnnxFunction, number | "open">();
  const refuse = (problem: string, place: string): never => {
    throw new ModlinguaError("format", problem, { ...(file === undefined ? {} : { file }), place, remedy: "export the model without local functions" });
  };
  const sizeOfNodes = (nodes: readonly OnnxNode[]): number => nodes.reduce((sum, node) => sum + sizeOfNode(node), 0);
  const sizeOfNode = (node: OnnxNode): number => {
    const called = byName.get(key(node.domain, node.op));
    return 1 + (called === undefined ? 0 : sizeOfFunction(called)) + subgraphs(node).reduce((sum, one) => sum + sizeOfNodes(one.nodes), 0);
  };
  const sizeOfFunction = (one: OnnxFunction): number => {
    const known = sizes.get(one);
    if (known === "open") return refuse("calls itself", `function ${one.name}`);
    if (known !== undefined) return known;
    if ([...sizes.values()].filter((size) => size === "open").length > 64) refuse("calls functions more than 64 deep", `function ${one.name}`);
    sizes.set(one, "open");
    const size = sizeOfNodes(one.nodes);
    if (size > maximalNodes) refuse(`grows to more than ${maximalNodes} nodes when inlined`, `function ${one.name}`);
    sizes.set(one, size);
    return size;
  };
  functions.forEach(sizeOfFunction);
  if (sizeOfNodes(graph.nodes) > maximalNodes) refuse(`grows to more than ${maximalNodes} nodes when its functions are inlined`, `graph ${graph.name}`);
}

function subgraphs({ attributes }: OnnxNode): readonly OnnxGraph[] {
  return attributes.flatMap(({ value }) => (value.kind === "graph" ? [value.value] : value.kind === "graphs" ? value.value : []));
}

function key(domain: string, name: string): string {
  return `${domain === "ai.onnx" ? "" : domain}\0${name}`;
}
