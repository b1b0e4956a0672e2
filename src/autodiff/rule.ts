import { ModlinguaError } from "../base/index.js";
import type { GraphBuilder, Node, Value } from "../onnx/index.js";

/**
 * The vector–Jacobian product of one operator: appends the nodes that turn the cotangents of a node's
 * outputs (undefined where no gradient flows) into the cotangents of its inputs.
 *
 * Only the inputs that are `wanted` cost nodes; undefined in the answer means a gradient of zero. A
 * cotangent may have the shape that its input was broadcast to: the engine sums it back.
 */
export type Vjp = (b: GraphBuilder, node: Node, cotangents: readonly (Value | undefined)[], wanted: readonly boolean[]) => readonly (Value | undefined)[];

/** The part of a rule that belongs to one input of an operator with one differentiable output. */
export type Partial = (b: GraphBuilder, dy: Value, node: Node) => Value | undefined;

/** A rule put together from one function an input; a wanted input without one is refused. */
export function perInput(...partials: readonly Partial[]): Vjp {
  return (b, node, [dy], wanted) => wanted.map((want, index) => {
    if (!want || dy === undefined) return undefined;
    const partial = partials[index];
    if (partial === undefined) throw notDifferentiable(node, `with respect to its input ${index}`);
    return partial(b, dy, node);
  });
}

/** A rule for an operator that is differentiable in its first input `x` only, with output `y`. */
export function unary(partial: (b: GraphBuilder, dy: Value, x: Value, y: Value, node: Node) => Value | undefined): Vjp {
  return perInput((b, dy, node) => partial(b, dy, node.input(0), node.output(0), node));
}

/** A rule for an operator with any number of inputs that all have the same part. */
export function everyInput(partial: (b: GraphBuilder, dy: Value, node: Node, index: number) => Value | undefined): Vjp {
  return (b, node, [dy], wanted) => wanted.map((want, index) => (want && dy !== undefined ? partial(b, dy, node, index) : undefined));
}

/** A rule for an operator whose derivative is zero wherever it exists. */
export const zeroGradient: Vjp = (_b, _node, _cotangents, wanted) => wanted.map(() => undefined);

/** The refusal of a rule that cannot differentiate a node as it stands. */
export function notDifferentiable(node: Node, what: string): ModlinguaError {
  return new ModlinguaError("graph", `${node.op} cannot be differentiated ${what}`, {
    place: `node ${node.name}`,
    remedy: "train only parameters that lie above this node, or rewrite the node before asking for gradients",
  });
}
