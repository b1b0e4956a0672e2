import type { Graph, Node } from "./graph.js";
import { elementwiseRules } from "./inference/elementwise.js";
import { generatorRules } from "./inference/generators.js";
import { indexingRules } from "./inference/indexing.js";
import { layoutRules } from "./inference/layout.js";
import { linearRules } from "./inference/linear.js";
import { quantisedRules } from "./inference/quantised.js";
import { reductionRules } from "./inference/reductions.js";
import { type InferenceRule, type Inferred, track } from "./inference/rule.js";

export { integersOf } from "./inference/rule.js";

const rules = new Map<string, InferenceRule>(
  [elementwiseRules, linearRules, reductionRules, layoutRules, indexingRules, generatorRules, quantisedRules].flatMap((table) => Object.entries(table)));

/**
 * Sets the element type and the shape of every output of a node from its inputs. What the rule cannot
 * tell, and every output of an operator without a rule, keeps what the file said of it.
 * Throws only where fully known sizes contradict each other.
 */
export function inferNode(node: Node): void {
  const rule = rules.get(node.domain === "" ? node.op : `${node.domain}:${node.op}`);
  if (rule === undefined) return;
  const found = rule(node);
  const answers: readonly Inferred[] = Array.isArray(found) ? found as readonly Inferred[] : [found as Inferred];
  node.outputs.forEach((output, index) => {
    const { dtype, shape, integers } = answers[index] ?? {};
    output.dtype = dtype ?? output.dtype;
    output.shape = shape ?? output.shape;
    track(output, integers);
  });
}

/** Infers the whole graph, producers first. Dimensions are numbers or names; names are combined into canonical expressions such as "12*batch". */
export function inferShapes(graph: Graph): void {
  for (const node of graph.sortedNodes()) inferNode(node);
}
