import { type DType, type Dim, ModlinguaError, type Shape, type Tensor } from "../../base/index.js";
import type { Node, Value } from "../graph.js";
import { broadcastDims } from "./dims.js";

/** What is known of one output. `integers` lists the elements of a scalar or vector that takes part in shape arithmetic. */
export interface Inferred {
  readonly dtype?: DType | undefined;
  readonly shape?: Shape | undefined;
  readonly integers?: readonly Dim[] | undefined;
}

/** Finds types and shapes of the outputs of a node (one answer is for the first output) from those of its inputs. */
export type InferenceRule = (node: Node) => Inferred | readonly Inferred[];
export type InferenceRules = Readonly<Record<string, InferenceRule>>;

/** Longer vectors are data, not shapes. */
export const longestTracked = 1024;

const tracked = new WeakMap<Value, readonly Dim[]>();
const listed = new WeakMap<Tensor, readonly number[]>();

/** Remembers the elements of an integer value, or forgets them. */
export function track(value: Value, elements: readonly Dim[] | undefined): void {
  if (elements === undefined || elements.length > longestTracked) tracked.delete(value);
  else tracked.set(value, elements);
}

/** The elements of an integer scalar or vector as far as they are known, symbolic ones as names; undefined where nothing is known. */
export function integersOf(value: Value | undefined): readonly Dim[] | undefined {
  if (value === undefined) return undefined;
  const { tensor } = value;
  return tensor === undefined ? tracked.get(value) : integersIn(tensor);
}

/** The elements of a constant scalar or vector of integers, or truth values as 0 and 1. */
export function integersIn(tensor: Tensor): readonly number[] | undefined {
  if (tensor.dims.length > 1 || tensor.data.length > longestTracked || !/int|bool/.test(tensor.dtype)) return undefined;
  let elements = listed.get(tensor);
  if (elements === undefined) listed.set(tensor, (elements = Array.from(tensor.data as ArrayLike<number | bigint>, clamped)));
  return elements;
}

/** A list all of whose elements are known. */
export function complete(elements: readonly (Dim | undefined)[] | undefined): readonly Dim[] | undefined {
  return elements === undefined || elements.includes(undefined) ? undefined : (elements as readonly Dim[]);
}

/** The elements where all of them are numbers. */
export function numbersOf(value: Value | undefined): readonly number[] | undefined {
  const elements = integersOf(value);
  return elements?.every((element) => typeof element === "number") ? (elements as readonly number[]) : undefined;
}

/** Exporters write "to the end" as the largest int64; the largest safe integer means the same here. */
function clamped(value: number | bigint): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

export function contradiction(node: Node, problem: string): ModlinguaError {
  return new ModlinguaError("graph", `${node.op}: ${problem}`, { place: `node ${node.name}`, remedy: "check the shapes of the values it reads" });
}

export function shown(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** A name for a dimension that only a run can tell. */
export function unknownDim(node: Node, axis: number, output = 0): string {
  return `${node.outputs[output]?.name ?? node.name}.${axis}`;
}

export function unknownShape(node: Node, rank: number, output = 0): Shape {
  return Array.from({ length: rank }, (_, axis) => unknownDim(node, axis, output));
}

/** An axis counted from the start; throws where it is outside the rank. */
export function axisOf(node: Node, axis: number, rank: number): number {
  if (axis < -rank || axis >= Math.max(rank, 1)) throw contradiction(node, `axis ${axis} is outside a value of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** NumPy's broadcasting; undefined where one of the shapes is unknown. */
export function broadcastShapes(node: Node, shapes: readonly (Shape | undefined)[]): Shape | undefined {
  let result: Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const rank = Math.max(result.length, shape.length);
    result = Array.from({ length: rank }, (_, axis) => {
      const a = result[axis - rank + result.length] ?? 1;
      const b = shape[axis - rank + shape.length] ?? 1;
      const joined = broadcastDims(a, b);
      if (joined === undefined) throw contradiction(node, `shapes ${shapes.map((each) => shown(each ?? [])).join(" and ")} do not broadcast`);
      return joined;
    });
  }
  return result;
}

/** Two dimensions that must be equal; the number wins over a name. */
export function sameDim(node: Node, what: string, a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number" && a !== b) throw contradiction(node, `${what} must be equal, got ${a} and ${b}`);
  return typeof a === "number" ? a : b;
}

/** Same type and shape as an input. */
export function like(value: Value | undefined): Inferred {
  return { dtype: value?.dtype, shape: value?.shape };
}

/** The axes of an operator that had them as an attribute once and as an input later; undefined where none are given, null where they are not constant. */
export function axesOf(node: Node, inputIndex = 1): readonly number[] | undefined | null {
  const attribute = node.numbers("axes");
  if (attribute !== undefined) return attribute;
  const input = node.inputs[inputIndex];
  return input === undefined ? undefined : (numbersOf(input) ?? null);
}
