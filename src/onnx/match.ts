import type { Graph, Node, Value } from "./graph.js";

/** The node that makes a value, if it is this standard operator. */
export function producedBy(value: Value | undefined, op: string): Node | undefined {
  const producer = value?.producer;
  return producer?.op === op && producer.domain === "" ? producer : undefined;
}

/** The number in a constant of one element; undefined for anything else. */
export function scalarOf(value: Value | undefined): number | undefined {
  const tensor = value?.tensor;
  return tensor?.data.length === 1 && tensor.dtype !== "float16" && tensor.dtype !== "bfloat16" ? Number(tensor.data[0]) : undefined;
}

/** Whether two numbers are the same up to float32 rounding. */
export function isNear(value: number | undefined, expected: number): boolean {
  return value !== undefined && Math.abs(value - expected) <= 1e-6 * Math.max(1, Math.abs(expected));
}

/** The one node that reads a value, where it is the only reader and the value is no graph output. */
export function onlyUser(graph: Graph, value: Value): Node | undefined {
  return value.uses.size === 1 && !graph.outputs.includes(value) ? value.users[0] : undefined;
}

/** For an operator of two inputs: the other one. */
export function otherInput(node: Node, value: Value): Value | undefined {
  return node.inputs[0] === value ? node.inputs[1] : node.inputs[1] === value ? node.inputs[0] : undefined;
}

/** The shape where every dimension is a number. */
export function fixedShape({ shape }: Value): readonly number[] | undefined {
  return shape?.every((dim) => typeof dim === "number") ? (shape as readonly number[]) : undefined;
}

/** Whether two shapes are known and equal, names included. */
export function sameShape(a: Value, b: Value): boolean {
  return a.shape !== undefined && b.shape !== undefined && a.shape.length === b.shape.length && a.shape.every((dim, axis) => dim === b.shape![axis]);
}
