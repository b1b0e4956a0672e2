import { ModlinguaError } from "../../base/index.js";
import { GraphBuilder } from "../builder.js";
import { type Expansion, attention, expandNode, rootMeanSquareNormalization, rotaryEmbedding } from "../expansions.js";
import type { Graph, Node } from "../graph.js";
import { canonicalOpset, newestOpset, oldestOpset } from "../opset.js";
import type { Pass } from "../pass.js";

export const normalizeOpset: Pass = {
  name: "normalizeOpset",
  does: `rewrites the spellings of opsets ${oldestOpset} to ${newestOpset} as those of ${canonicalOpset}`,
  requires: ["constantNodes", "inlineBranches"],
  run(graph) {
    const version = graph.opset.get("");
    if (version === undefined || version < oldestOpset || version > newestOpset) throw outOfRange(graph, version);
    const builder = new GraphBuilder(graph);
    let changes = version === canonicalOpset ? 0 : 1;
    for (const node of graph.sortedNodes()) {
      if (node.domain !== "") continue;
      if (version !== canonicalOpset) refuseSubgraph(node, version);
      for (const rewrite of rewrites[node.op] ?? []) changes += rewrite({ graph, builder, node, version });
    }
    graph.opset.set("", canonicalOpset);
    return changes;
  },
};

function outOfRange(graph: Graph, version: number | undefined): ModlinguaError {
  return new ModlinguaError("graph", `the model has ${version === undefined ? "no opset" : `opset ${version}`}, read are ${oldestOpset} to ${newestOpset}`,
    { place: `graph ${graph.name}`, remedy: "export it again with opset 17, or convert it with onnx.version_converter" });
}

/** A subgraph speaks the old opset too, and is only read by the runtime. */
function refuseSubgraph(node: Node, version: number): void {
  if (![...node.attributes.values()].some((value) => typeof value === "object" && "graph" in value)) return;
  throw new ModlinguaError("graph", `${node.op} decides at run time which nodes run, and its subgraph cannot be brought from opset ${version} to ${canonicalOpset}`,
    { place: `node ${node.name}`, remedy: "export the model so that no data-dependent branch is left (torch's dynamo exporter, or opset 20)" });
}

interface Site {
  readonly graph: Graph;
  readonly builder: GraphBuilder;
  readonly node: Node;
  /** The opset the model was written in. */
  readonly version: number;
}

/** Returns the number of changes. */
type Rewrite = (site: Site) => number;

/** A list attribute that became input 1. */
const inputFrom = (attribute: string): Rewrite => ({ graph, builder, node }) => {
  const values = node.numbers(attribute);
  if (values === undefined) return 0;
  node.attributes.delete(attribute);
  graph.setInput(node, 1, builder.ints(values));
  return 1;
};

/** Equal parts without sizes must say how many since opset 18. */
const countParts: Rewrite = ({ node }) => {
  if (node.inputs[1] !== undefined || node.attributes.has("num_outputs")) return 0;
  node.attributes.set("num_outputs", node.outputs.length);
  return 1;
};

/** Before opset 13, Softmax and its kin flatten the input to a matrix at `axis` (1 by default) and work on its rows. */
const lastAxis: Rewrite = ({ graph, builder, node, version }) => {
  const given = node.number("axis", version < 13 ? 1 : -1);
  const rank = node.input(0).shape?.length;
  const isLast = given === -1 || (rank !== undefined && given === rank - 1);
  if (!isLast && version >= 13) return 0;
  if (!isLast) return flattened(graph, builder, node, given);
  if (node.attributes.get("axis") === -1) return 0;
  node.attributes.set("axis", -1);
  return 1;
};

/** The last axis is written −1, whatever the rank. */
const lastAxisByName: Rewrite = ({ node }) => {
  const rank = node.input(0).shape?.length;
  if (rank === undefined || node.attributes.get("axis") === -1 || node.number("axis", -1) !== rank - 1) return 0;
  node.attributes.set("axis", -1);
  return 1;
};

function flattened(graph: Graph, builder: GraphBuilder, node: Node, axis: number): number {
  expandNode(graph, builder, node, (b) => {
    const x = node.input(0);
    return [b.reshape(b.op(node.op, [b.op("Flatten", [x], { axis })], { axis: -1 }), b.shape(x))];
  });
  return 1;
}

/** Attributes that say nothing at inference, or only speak of types that cannot occur here. */
const dropped = (...attributes: readonly string[]): Rewrite => ({ node }) => attributes.filter((name) => node.attributes.delete(name)).length;

/** An attribute of a later opset that changes the result: refused unless it has the value that changes nothing. */
const refusedUnlessZero = (attribute: string): Rewrite => ({ node }) => {
  if (node.number(attribute, 0) !== 0) {
    throw new ModlinguaError("graph", `${node.op} has ${attribute} = ${node.number(attribute, 0)}, which opset ${canonicalOpset} cannot express`,
      { place: `node ${node.name}`, remedy: "export the model with opset 20 or less" });
  }
  return node.attributes.delete(attribute) ? 1 : 0;
};

const expanded = (expansion: Expansion): Rewrite => ({ graph, builder, node }) => {
  expandNode(graph, builder, node, expansion);
  return 1;
};

const reductions = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].map((kind) => `Reduce${kind}`);

const rewrites: Readonly<Record<string, readonly Rewrite[]>> = {
  Squeeze: [inputFrom("axes")], Unsqueeze: [inputFrom("axes")],
  ...Object.fromEntries(reductions.map((op) => [op, [inputFrom("axes")]])),
  Split: [inputFrom("split"), countParts],
  Softmax: [lastAxis], LogSoftmax: [lastAxis], Hardmax: [lastAxis],
  LayerNormalization: [lastAxisByName],
  Dropout: [dropped("ratio")],
  Cast: [dropped("saturate", "round_mode")], CastLike: [dropped("saturate", "round_mode")],
  QuantizeLinear: [dropped("saturate"), refusedUnlessZero("block_size"), refusedUnlessZero("output_dtype"), refusedUnlessZero("precision")],
  DequantizeLinear: [refusedUnlessZero("block_size"), refusedUnlessZero("output_dtype")],
  Attention: [expanded(attention)], RMSNormalization: [expanded(rootMeanSquareNormalization)], RotaryEmbedding: [expanded(rotaryEmbedding)],
};
