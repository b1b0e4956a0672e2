import { type Tensor, float32 } from "../../base/index.js";
import { GraphBuilder } from "../builder.js";
import type { Graph, Node, Value } from "../graph.js";
import { axesOf } from "../inference/rule.js";
import { onlyUser, otherInput, producedBy, scalarOf } from "../match.js";
import type { Pass } from "../pass.js";

/**
 * Ba et al. 2016, eq. 4, as exporters without the operator write it:
 * d = x − mean(x), y = d / √(mean(d²) + ε), then optionally · scale, + bias.
 */
export const fuseLayerNorm: Pass = {
  name: "fuseLayerNorm",
  does: "gathers the nodes of a decomposed layer normalisation over the last axis into one LayerNormalization",
  requires: ["constantNodes", "normalizeOpset", "eliminateIdentity"],
  run(graph) {
    const builder = new GraphBuilder(graph);
    let changes = 0;
    for (const node of graph.sortedNodes()) {
      const found = graph.nodes.has(node) ? normalised(node) : undefined;
      if (found !== undefined && fuse(graph, builder, node, found)) changes++;
    }
    return changes;
  },
};

interface Normalised {
  readonly x: Value;
  readonly epsilon: number;
}

/** Recognises y = d / √v or d · (1 / √v). */
function normalised(node: Node): Normalised | undefined {
  if (node.domain !== "") return undefined;
  if (node.op === "Div") return parts(node.inputs[0], producedBy(node.inputs[1], "Sqrt")?.inputs[0]);
  if (node.op !== "Mul") return undefined;
  return parts(node.inputs[0], invertedRoot(node.inputs[1])) ?? parts(node.inputs[1], invertedRoot(node.inputs[0]));
}

/** v, where a value is 1 / √v. */
function invertedRoot(value: Value | undefined): Value | undefined {
  const power = producedBy(value, "Pow");
  if (power !== undefined) return scalarOf(power.inputs[1]) === -0.5 ? power.inputs[0] : undefined;
  const divided = producedBy(value, "Div");
  const root = producedBy(value, "Reciprocal")?.inputs[0] ?? (scalarOf(divided?.inputs[0]) === 1 ? divided?.inputs[1] : undefined);
  return producedBy(root, "Sqrt")?.inputs[0];
}

function parts(centred: Value | undefined, variance: Value | undefined): Normalised | undefined {
  const x = centredOf(centred);
  const sum = producedBy(variance, "Add");
  if (x === undefined || sum === undefined) return undefined;
  for (const [mean, constant] of [[sum.inputs[0], sum.inputs[1]], [sum.inputs[1], sum.inputs[0]]]) {
    const epsilon = scalarOf(constant);
    if (epsilon !== undefined && centredOf(squareRoot(meanOf(mean))) === x) return { x, epsilon };
  }
  return undefined;
}

/** x, where a value is x − mean(x). */
function centredOf(value: Value | undefined): Value | undefined {
  const difference = producedBy(value, "Sub");
  const x = difference?.inputs[0];
  return x !== undefined && meanOf(difference?.inputs[1]) === x ? x : undefined;
}

/** x, where a value is the mean of x over the last axis, which is kept. */
function meanOf(value: Value | undefined): Value | undefined {
  const mean = producedBy(value, "ReduceMean");
  const axes = mean && axesOf(mean);
  const x = mean?.inputs[0];
  const last = axes?.length === 1 && (axes[0] === -1 || (x?.shape !== undefined && axes[0] === x.shape.length - 1));
  return last && mean?.number("keepdims", 1) === 1 ? x : undefined;
}

/** d, where a value is d² or d · d. */
function squareRoot(value: Value | undefined): Value | undefined {
  const power = producedBy(value, "Pow");
  if (power !== undefined) return scalarOf(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
  const product = producedBy(value, "Mul");
  if (product === undefined) return undefined;
  const [a, b] = product.inputs;
  return a === b || (centredOf(a) !== undefined && centredOf(a) === centredOf(b)) ? a : undefined;
}

/** Takes the scale and bias that follow, and puts the operator in the place of the last node. */
function fuse(graph: Graph, builder: GraphBuilder, node: Node, { x, epsilon }: Normalised): boolean {
  const scaled = followedBy(graph, node, "Mul");
  const scale = scaled?.other ?? ones(builder, x);
  const biased = scaled && followedBy(graph, scaled.node, "Add");
  if (scale === undefined) return false;
  const last = biased?.node ?? scaled?.node ?? node;
  graph.substitute(last, "LayerNormalization", biased === undefined ? [x, scale] : [x, scale, biased.other], { axis: -1, epsilon: { float: epsilon } });
  return true;
}

/** The next node, where it is this operator and its other operand is one number a feature. */
function followedBy(graph: Graph, node: Node, op: string): { node: Node; other: Value } | undefined {
  const user = onlyUser(graph, node.output());
  if (user?.op !== op || user.domain !== "") return undefined;
  const other = otherInput(user, node.output());
  const width = node.output().shape?.at(-1);
  return other?.shape?.length === 1 && other.shape[0] === width && other.isConstant ? { node: user, other } : undefined;
}

function ones(builder: GraphBuilder, x: Value): Value | undefined {
  const width = x.shape?.at(-1);
  if (typeof width !== "number" || x.dtype !== "float32") return undefined;
  return builder.constant(float32([width], new Float32Array(width).fill(1)) satisfies Tensor);
}
