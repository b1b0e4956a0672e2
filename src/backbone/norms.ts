import { type Graph, type Node, floatsOf, readConstant } from "../onnx/index.js";

/** The mean scale of each LayerNormalization of a graph, to four digits; ascending, so that the order of the nodes does not matter. */
export function normsOf(graph: Graph): number[] {
  return [...graph.nodes].flatMap((node) => meanScale(node) ?? []).sort((a, b) => a - b);
}

function meanScale(node: Node): number | undefined {
  const scale = node.op === "LayerNormalization" ? node.input(1).data : undefined;
  const numbers = scale && floatsOf(readConstant(scale));
  return numbers && Number((numbers.reduce((sum, value) => sum + value, 0) / numbers.length).toPrecision(4));
}

/** Largest relative difference that rounding of weights explains. */
const tolerance = 0.02;

/** Whether two lists of norms can come from one pre-training; lists of different length (an export with a head's norm) cannot be compared and pass. */
export function areAlike(some: readonly number[], others: readonly number[]): boolean {
  return some.length !== others.length || some.every((norm, index) => Math.abs(norm - others[index]!) <= tolerance * Math.max(Math.abs(norm), Math.abs(others[index]!)));
}
