import { ModlinguaError, type Tensor, bytesOfTensor, tensorFromBytes } from "../base/index.js";
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from "../formats/index.js";
import { type Attribute, type ConstantData, Graph, type Node, type Value } from "./graph.js";

/** Reads plain ONNX data into a graph; throws where a node reads a value that nobody produces. */
export function graphFromModel(model: OnnxModel): Graph {
  const { graph: source } = model;
  const graph = new Graph(source.name);
  graph.opset.clear();
  for (const { domain, version } of model.opsetImport) graph.opset.set(domain === "ai.onnx" ? "" : domain, version);
  for (const initializer of source.initializers) graph.addConstant(initializer.name, constantOf(initializer));
  for (const input of source.inputs) {
    if (!graph.has(input.name)) graph.addInput(input.name, input.dtype ?? "float32", input.shape ?? []).shape = input.shape;
  }
  for (const node of source.nodes) for (const name of node.outputs) if (name !== "") declare(graph, name, node);
  for (const node of source.nodes) addNode(graph, node);
  for (const info of [...source.valueInfo, ...source.outputs]) annotate(graph, info);
  for (const output of source.outputs) graph.outputs.push(graph.value(output.name));
  graph.sortedNodes();
  return graph;
}

function declare(graph: Graph, name: string, node: OnnxNode): void {
  if (graph.has(name)) throw new ModlinguaError("graph", `${JSON.stringify(name)} is produced twice`, { place: `node ${node.name || node.op}` });
  graph.addValue(name);
}

function addNode(graph: Graph, source: OnnxNode): void {
  const name = source.name === "" ? `${source.op}:${source.outputs[0]}` : source.name;
  const inputs = source.inputs.map((input) => {
    if (input === "") return undefined;
    if (!graph.has(input)) throw new ModlinguaError("graph", `reads ${JSON.stringify(input)}, which nothing produces`, { place: `node ${name}` });
    return graph.value(input);
  });
  const outputs = source.outputs.map((output, index) => (output === "" ? graph.freshName(`${name}:unused${index}`) : output));
  const attributes = Object.fromEntries(source.attributes.map((attribute) => [attribute.name, attributeOf(attribute)]));
  const node = graph.addNode(source.op, inputs, outputs, attributes, source.domain === "ai.onnx" ? "" : source.domain, name);
  for (const attribute of source.attributes) {
    if (attribute.value.kind === "graph") for (const value of capturedBy(attribute.value.value, graph)) graph.capture(node, value);
  }
}

/** The values of the outer graph that a subgraph reads by name. */
function capturedBy(subgraph: OnnxGraph, outer: Graph): Value[] {
  const own = new Set([...subgraph.inputs.map(({ name }) => name), ...subgraph.initializers.map(({ name }) => name), ...subgraph.nodes.flatMap(({ outputs }) => outputs)]);
  const read = new Set([...subgraph.nodes.flatMap(({ inputs }) => inputs), ...subgraph.outputs.map(({ name }) => name)]);
  const nested = subgraph.nodes.flatMap(({ attributes }) => attributes.flatMap(({ value }) => (value.kind === "graph" ? capturedBy(value.value, outer) : [])));
  return [...new Set([...[...read].filter((name) => !own.has(name) && outer.has(name)).map((name) => outer.value(name)), ...nested])];
}

function annotate(graph: Graph, { name, dtype, shape }: OnnxValueInfo): void {
  if (!graph.has(name)) return;
  const value = graph.value(name);
  value.dtype ??= dtype;
  value.shape ??= shape;
}

function constantOf({ name, dtype, dims, data }: OnnxTensor): ConstantData {
  if (dtype === "string") throw new ModlinguaError("graph", "holds strings; only numeric constants are supported", { place: `initializer ${name}` });
  return "inline" in data ? { inline: tensorFromBytes(dtype, dims, data.inline) } : { external: { ...data.external, dtype, dims } };
}

function attributeOf({ name, value }: OnnxAttribute): Attribute {
  switch (value.kind) {
    case "float": return { float: value.value };
    case "floats": return { floats: value.value };
    case "int": return value.value;
    case "ints": return value.value.map(Number);
    case "string": return value.value;
    case "strings": return value.value;
    case "graph": return { graph: value.value };
    case "tensor": {
      const constant = constantOf(value.value);
      if ("inline" in constant) return constant.inline;
      throw new ModlinguaError("graph", "a tensor attribute must be inline", { place: `attribute ${name}` });
    }
    default: throw new ModlinguaError("graph", `attributes of kind ${value.kind} are not supported`, { place: `attribute ${name}` });
  }
}

/** Writes a graph back as plain ONNX data, nodes in topological order. */
export function modelFromGraph(graph: Graph, metadata: Readonly<Record<string, string>> = {}): OnnxModel {
  return {
    irVersion: 9,
    producerName: "modlingua",
    opsetImport: [...graph.opset].map(([domain, version]) => ({ domain, version })),
    metadata: { ...metadata },
    functions: [],
    graph: {
      name: graph.name,
      nodes: graph.sortedNodes().map(nodeToOnnx),
      initializers: graph.constants.map(({ name, data }) => tensorToOnnx(name, data!)),
      inputs: graph.inputs.map(infoOf),
      outputs: graph.outputs.map(infoOf),
      valueInfo: [],
    },
  };
}

function infoOf({ name, dtype, shape }: Value): OnnxValueInfo {
  return { name, ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape: [...shape] }) };
}

function nodeToOnnx(node: Node): OnnxNode {
  return {
    op: node.op,
    domain: node.domain,
    name: node.name,
    inputs: trimmed(node.inputs.map((value) => value?.name ?? "")),
    outputs: node.outputs.map(({ name }) => name),
    attributes: [...node.attributes].map(([name, value]) => attributeToOnnx(name, value)),
  };
}

function trimmed(names: string[]): string[] {
  while (names.at(-1) === "") names.pop();
  return names;
}

function attributeToOnnx(name: string, value: Attribute): OnnxAttribute {
  if (typeof value === "number" || typeof value === "bigint") return { name, value: { kind: "int", value } };
  if (typeof value === "string") return { name, value: { kind: "string", value } };
  if ("float" in value) return { name, value: { kind: "float", value: value.float } };
  if ("floats" in value) return { name, value: { kind: "floats", value: [...value.floats] } };
  if ("graph" in value) return { name, value: { kind: "graph", value: value.graph } };
  if ("dtype" in value) return { name, value: { kind: "tensor", value: tensorToOnnx("", { inline: value as Tensor }) } };
  const list = value as readonly (number | string)[];
  return typeof list[0] === "string"
    ? { name, value: { kind: "strings", value: [...(list as readonly string[])] } }
    : { name, value: { kind: "ints", value: [...(list as readonly number[])] } };
}

function tensorToOnnx(name: string, data: ConstantData): OnnxTensor {
  if ("external" in data) {
    const { file, offset, length, dtype, dims } = data.external;
    return { name, dtype, dims: [...dims], data: { external: { file, offset, length } } };
  }
  return { name, dtype: data.inline.dtype, dims: [...data.inline.dims], data: { inline: bytesOfTensor(data.inline) } };
}
