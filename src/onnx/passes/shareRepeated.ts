import type { Tensor } from "../../base/index.js";
import type { Attribute, Graph, Node, Value } from "../graph.js";
import type { Pass } from "../pass.js";

export const shareRepeated: Pass = {
  name: "shareRepeated",
  does: "computes once what a graph computes twice: equal operators on equal inputs, and scalars and axes of equal content",
  requires: ["constantNodes", "normalizeOpset"],
  run(graph) {
    return sharedConstants(graph) + sharedNodes(graph);
  },
};

/** Exporters write every axis and every 0.5 anew. Vectors of floats are parameters: two biases may be equal today and trained apart tomorrow. */
function isComparable({ dtype, data }: Tensor): boolean {
  return data.length === 1 || (/int|bool/.test(dtype) && data.length <= 16);
}

function sharedConstants(graph: Graph): number {
  const first = new Map<string, Value>();
  let changes = 0;
  for (const value of graph.constants) {
    const { tensor } = value;
    if (tensor === undefined || !isComparable(tensor) || value.uses.size === 0 || graph.outputs.includes(value)) continue;
    const key = `${tensor.dtype}[${tensor.dims.join()}]${Array.from(tensor.data as ArrayLike<number | bigint>, text).join()}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, value);
    else {
      graph.replaceUses(value, known);
      changes++;
    }
  }
  return changes;
}

/** −0 and 0 are different constants. */
function text(value: number | bigint): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function sharedNodes(graph: Graph): number {
  const first = new Map<string, Node>();
  let changes = 0;
  for (const node of graph.sortedNodes()) {
    const key = keyOf(node);
    if (key === undefined || node.outputs.some((value) => graph.outputs.includes(value))) continue;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, node);
      continue;
    }
    node.outputs.forEach((value, index) => graph.replaceUses(value, known.output(index)));
    graph.removeNode(node);
    changes++;
  }
  return changes;
}

/** Equal for nodes that compute the same; undefined where that cannot be told: random operators, subgraphs, tensors as attributes. */
function keyOf(node: Node): string | undefined {
  if (/^(?:Random|Bernoulli|Multinomial|Dropout)/.test(node.op) || node.captures.length > 0) return undefined;
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1));
  if (attributes.some(([, value]) => isOpaque(value))) return undefined;
  const shown = attributes.map(([name, value]) => [name, typeof value === "bigint" ? `${value}` : value]);
  return JSON.stringify([node.domain, node.op, node.outputs.length, node.inputs.map((value) => value?.name ?? null), shown]);
}

function isOpaque(value: Attribute): boolean {
  return typeof value === "object" && ("dtype" in value || "graph" in value);
}
