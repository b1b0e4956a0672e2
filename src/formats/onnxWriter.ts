import { dirname, isAbsolute, relative, sep } from "node:path";
import { type Dim, ModlinguaError, bytesPerElement, sizeOf } from "../base/index.js";
import {
  type OnnxAttribute, type OnnxExternalRange, type OnnxFunction, type OnnxGraph, type OnnxModel, type OnnxNode, type OnnxOpset, type OnnxTensor, type OnnxValueInfo,
  onnxAttributeTypes, onnxTypeNumbers,
} from "./onnxProto.js";
import { WireWriter } from "./protobuf.js";

/** A model as bytes, and the folder its external data is relative to (absent where all of it is inline). */
export interface WrittenOnnx {
  readonly bytes: Uint8Array;
  readonly folder?: string;
}

/**
 * Writes a model as ONNX protobuf; equal models give equal bytes. Tensors that lie in files are written as external data relative
 * to one folder, which must contain all of them. Throws "graph" for a tensor whose bytes do not match its shape.
 */
export function writeOnnx(model: OnnxModel): WrittenOnnx {
  const folder = commonFolder(model);
  const bytes = new ModelWriter(folder).write(model);
  return folder === undefined ? { bytes } : { bytes, folder };
}

class ModelWriter {
  private readonly wire = new WireWriter();

  constructor(private readonly folder: string | undefined) {}

  write(model: OnnxModel): Uint8Array {
    const { wire } = this;
    wire.int(1, model.irVersion);
    wire.optionalText(2, model.producerName);
    wire.message(7, () => this.graph(model.graph));
    for (const opset of model.opsetImport) wire.message(8, () => this.opset(opset));
    for (const [key, value] of Object.entries(model.metadata)) wire.message(14, () => this.entry(key, value));
    for (const one of model.functions) wire.message(25, () => this.function(one));
    return wire.finish();
  }

  private opset({ domain, version }: OnnxOpset): void {
    this.wire.optionalText(1, domain);
    this.wire.int(2, version);
  }

  private entry(key: string, value: string): void {
    this.wire.text(1, key);
    this.wire.text(2, value);
  }

  private graph(graph: OnnxGraph): void {
    const { wire } = this;
    for (const node of graph.nodes) wire.message(1, () => this.node(node));
    wire.optionalText(2, graph.name);
    for (const tensor of graph.initializers) wire.message(5, () => this.tensor(tensor));
    for (const info of graph.inputs) wire.message(11, () => this.valueInfo(info));
    for (const info of graph.outputs) wire.message(12, () => this.valueInfo(info));
    for (const info of graph.valueInfo) wire.message(13, () => this.valueInfo(info));
  }

  private function(one: OnnxFunction): void {
    const { wire } = this;
    wire.text(1, one.name);
    for (const input of one.inputs) wire.text(4, input);
    for (const output of one.outputs) wire.text(5, output);
    for (const attribute of one.attributes) wire.text(6, attribute);
    for (const node of one.nodes) wire.message(7, () => this.node(node));
    for (const opset of one.opsetImport) wire.message(9, () => this.opset(opset));
    wire.optionalText(10, one.domain);
    for (const attribute of one.attributeDefaults) wire.message(11, () => this.attribute(attribute));
  }

  private node(node: OnnxNode): void {
    const { wire } = this;
    for (const input of node.inputs) wire.text(1, input);
    for (const output of node.outputs) wire.text(2, output);
    wire.optionalText(3, node.name);
    wire.text(4, node.op);
    for (const attribute of node.attributes) wire.message(5, () => this.attribute(attribute));
    wire.optionalText(7, node.domain);
  }

  private attribute({ name, value }: OnnxAttribute): void {
    const { wire } = this;
    wire.text(1, name);
    switch (value.kind) {
      case "float": wire.float(2, value.value); break;
      case "int": wire.int(3, value.value); break;
      case "string": wire.text(4, value.value); break;
      case "bytes": wire.blob(4, value.value); break;
      case "tensor": wire.message(5, () => this.tensor(value.value)); break;
      case "graph": wire.message(6, () => this.graph(value.value)); break;
      case "floats": wire.packedFloats(7, value.value); break;
      case "ints": wire.packedInts(8, value.value); break;
      case "strings": for (const text of value.value) wire.text(9, text); break;
      case "tensors": for (const tensor of value.value) wire.message(10, () => this.tensor(tensor)); break;
      case "graphs": for (const graph of value.value) wire.message(11, () => this.graph(graph)); break;
      case "reference": wire.text(21, value.value); break;
    }
    wire.int(20, value.kind === "reference" ? value.type : onnxAttributeTypes[value.kind]);
  }

  private tensor({ name, dtype, dims, data }: OnnxTensor): void {
    const { wire } = this;
    const length = "inline" in data ? data.inline.length : data.external.length;
    if (dtype !== "string" && length !== sizeOf(dims) * bytesPerElement[dtype]) {
      throw new ModlinguaError("graph", `a ${dtype} tensor of shape [${dims.join(", ")}] needs ${sizeOf(dims) * bytesPerElement[dtype]} bytes, has ${length}`, { place: `tensor ${name}` });
    }
    wire.packedInts(1, dims);
    wire.int(2, onnxTypeNumbers[dtype]);
    wire.optionalText(8, name);
    if ("external" in data) this.externalData(data.external);
    else if (dtype === "string") wire.raw(data.inline);
    else wire.blob(9, data.inline);
  }

  private externalData({ file, offset, length }: OnnxExternalRange): void {
    const { wire } = this;
    wire.message(13, () => this.entry("location", relative(this.folder!, file).split(sep).join("/")));
    wire.message(13, () => this.entry("offset", String(offset)));
    wire.message(13, () => this.entry("length", String(length)));
    wire.int(14, 1);
  }

  private valueInfo({ name, dtype, shape }: OnnxValueInfo): void {
    const { wire } = this;
    wire.text(1, name);
    if (dtype === undefined) return;
    wire.message(2, () => wire.message(1, () => {
      wire.int(1, onnxTypeNumbers[dtype]);
      if (shape !== undefined) wire.message(2, () => shape.forEach((dim) => wire.message(1, () => this.dimension(dim))));
    }));
  }

  private dimension(dim: Dim): void {
    if (typeof dim === "number") this.wire.int(1, dim);
    else if (!dim.startsWith("?")) this.wire.text(2, dim);
  }
}

/** The folder that holds all external data of a model: the shortest folder of a data file, in or below which the others must lie. */
function commonFolder(model: OnnxModel): string | undefined {
  const files = new Set<string>();
  collectFiles(model.graph, files);
  const folders = [...new Set([...files].map((file) => dirname(file)))].sort((a, b) => a.length - b.length);
  const [folder] = folders;
  if (folder === undefined) return undefined;
  const stray = folders.find((other) => relative(folder, other).startsWith("..") || isAbsolute(relative(folder, other)));
  if (stray !== undefined) {
    throw new ModlinguaError("graph", `the data of one model lies in ${folder} and in ${stray}`, { remedy: "put the data files into one folder; a runtime reads from one only" });
  }
  return folder;
}

function collectFiles(graph: OnnxGraph, files: Set<string>): void {
  const visit = ({ data }: OnnxTensor): void => {
    if ("external" in data) files.add(data.external.file);
  };
  graph.initializers.forEach(visit);
  for (const { attributes } of graph.nodes) {
    for (const { value } of attributes) {
      if (value.kind === "tensor") visit(value.value);
      else if (value.kind === "tensors") value.value.forEach(visit);
      else if (value.kind === "graph") collectFiles(value.value, files);
      else if (value.kind === "graphs") value.value.forEach((subgraph) => collectFiles(subgraph, files));
    }
  }
}
