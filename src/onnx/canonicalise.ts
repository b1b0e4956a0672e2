import type { Graph } from "./graph.js";
import { runPasses } from "./pass.js";
import * as passes from "./passes/index.js";

/** The order in which `canonicalise` runs the passes. */
export const canonicalOrder = [
  passes.inlineBranches, passes.constantNodes, passes.normalizeOpset, passes.expandFused, passes.eliminateIdentity, passes.simplifyShapes, passes.foldConstants,
  passes.eliminateIdentity, passes.shareRepeated, passes.fuseLayerNorm, passes.fuseGelu, passes.mergeTransposes, passes.canonicalLinear,
] as const;

/**
 * A copy of a graph in the one spelling that site finding and gradient rules read, whatever exporter and opset
 * (11 to 23) it came from: opset 20, LayerNormalization, Gelu, Softmax over the last axis, MatMul and Add with the
 * constant second, constant Reshape targets where the shapes allow. It computes the same outputs under the same names.
 * Throws "graph" for an opset outside the range and for operators that hide a layer (fused attention).
 */
export function canonicalise(graph: Graph): Graph {
  const copy = graph.clone();
  runPasses(copy, canonicalOrder);
  return copy;
}
