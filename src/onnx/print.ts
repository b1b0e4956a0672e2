import type { Shape, Tensor } from "../base/index.js";
import type { Attribute, Graph, Node, Value } from "./graph.js";

/** How much of a graph is printed. */
export interface PrintOptions {
  /** Whether constants get lines of their own, before the nodes. */
  readonly constants?: boolean;
}

/**
 * A graph as text that a person can check and a test can compare, one line a node in topological order:
 * outputs with type and shape, operator, inputs, attributes. A small constant shows its elements, a large
 * one its type, shape and, where it stays in a file, the file and offset.
 */
export function printGraph(graph: Graph, { constants = false }: PrintOptions = {}): string {
  const opsets = [...graph.opset].map(([domain, version]) => `${domain === "" ? "onnx" : domain} ${version}`).join(", ");
  return [
    `graph ${graph.name}(${graph.inputs.map(declared).join(", ")}) opset ${opsets}`,
    ...(constants ? graph.constants.map((value) => `  constant ${value.name}: ${constantText(value)}`) : []),
    ...graph.sortedNodes().map((node) => `  ${printNode(node)}`),
    `  return ${graph.outputs.map(declared).join(", ")}`,
    "",
  ].join("\n");
}

/** One node as a line: `out: float32[batch, 8] = MatMul(x, w: float32[4, 8])`. */
export function printNode(node: Node): string {
  const outputs = node.outputs.filter((value, index) => index === 0 || value.uses.size > 0).map(declared).join(", ");
  const operator = node.domain === "" ? node.op : `${node.domain}.${node.op}`;
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${attributeText(value)}`).join(", ");
  const captured = node.captures.length === 0 ? "" : ` captures ${node.captures.map(({ name }) => name).join(", ")}`;
  return `${outputs} = ${operator}(${node.inputs.map(operand).join(", ")})${attributes === "" ? "" : ` {${attributes}}`}${captured}`;
}

function declared(value: Value): string {
  return `${value.name}: ${typeText(value.dtype, value.shape)}`;
}

function typeText(dtype: string | undefined, shape: Shape | undefined): string {
  return `${dtype ?? "?"}${shape === undefined ? "[?]" : `[${shape.join(", ")}]`}`;
}

function operand(value: Value | undefined): string {
  if (value === undefined) return "_";
  if (value.data === undefined) return value.name;
  return value.tensor !== undefined && value.tensor.data.length <= longestShown ? elements(value.tensor) : `${value.name}: ${constantText(value)}`;
}

/** Longer constants are shown by name, type and shape. */
const longestShown = 8;

function constantText(value: Value): string {
  const type = typeText(value.dtype, value.shape);
  if (value.data !== undefined && "external" in value.data) return `${type} @${baseName(value.data.external.file)}+${value.data.external.offset}`;
  return value.tensor !== undefined && value.tensor.data.length <= longestShown ? elements(value.tensor) : type;
}

/** Folders differ between machines, so a printed graph names the file alone. */
function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** `[0, 0, -1]`, `1.5`, `true`; the type follows where the spelling does not tell it: a number with a point is float32, one without int64. */
function elements({ dtype, dims, data }: Tensor): string {
  const shown = Array.from(data as ArrayLike<number | bigint>, (value) => elementText(dtype, value));
  const suffix = dtype === "float32" || dtype === "int64" || dtype === "bool" ? "" : `:${dtype}`;
  if (dims.length === 0) return `${shown[0]}${suffix}`;
  return `[${shown.join(", ")}]${dims.length === 1 ? "" : `:[${dims.join(", ")}]`}${suffix}`;
}

function elementText(dtype: Tensor["dtype"], value: number | bigint): string {
  if (dtype === "bool") return value ? "true" : "false";
  return dtype === "float32" ? floatText(Number(value)) : String(value);
}

function floatText(value: number): string {
  const text = String(Number(value.toPrecision(8)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function attributeText(value: Attribute): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if ("float" in value) return floatText(value.float);
  if ("floats" in value) return `[${value.floats.map(floatText).join(", ")}]`;
  if ("graph" in value) return `graph ${value.graph.name} of ${value.graph.nodes.length} nodes`;
  if ("dtype" in value) return (value as Tensor).data.length <= longestShown ? elements(value as Tensor) : typeText((value as Tensor).dtype, (value as Tensor).dims);
  return `[${(value as readonly (string | number)[]).map((each) => (typeof each === "string" ? JSON.stringify(each) : String(each))).join(", ")}]`;
}
