import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type DType, type Dim, ModlinguaError, bytesPerElement, sizeOf } from "../base/index.js";
import { foreignFile } from "./foreignFile.js";
import { checkFunctions } from "./onnxFunctions.js";
import {
  type OnnxAttribute, type OnnxAttributeValue, type OnnxExternalRange, type OnnxFunction, type OnnxGraph, type OnnxModel, type OnnxNode, type OnnxOpset, type OnnxTensor,
  type OnnxTensorData, type OnnxValueInfo, maximalSubgraphDepth, onnxTypeNumbers,
} from "./onnxProto.js";
import { DataFolder, refuseData } from "./onnxExternalData.js";
import { type ByteRange, type ByteSource, WireReader, memorySource, withFileSource } from "./protobuf.js";

/** Initialisers with more raw bytes than this stay in the file. */
const inlineLimit = 1024;

/**
 * Skims an ONNX file: reads its structure through a small window and leaves every initialiser above 1 KiB where it is,
 * as a range of the file. Takes milliseconds and no memory worth mentioning, whatever the size of the weights.
 * Throws "io" for a missing file, "format" for a damaged one.
 */
export function readOnnxFile(path: string): OnnxModel {
  return withFileSource(path, (source) => {
    const file = realpathSync(path);
    return new ModelReader(source, new DataFolder(dirname(resolve(path)), dirname(file)), file).read();
  });
}

/** Reads a model from memory. `folder` is where its external data lies; without it a model that has some is refused. */
export function parseOnnx(bytes: Uint8Array, folder?: string): OnnxModel {
  return new ModelReader(memorySource(bytes), folder === undefined ? undefined : new DataFolder(resolve(folder), realpathSync(folder)), undefined).read();
}

const typeNames = new Map(Object.entries(onnxTypeNumbers).map(([name, number]) => [number, name as DType]));

/** One pass over a ModelProto. Field numbers are those of onnx.proto3. */
class ModelReader {
  private readonly wire: WireReader;
  private depth = 0;
  private unknownDims = 0;

  constructor(private readonly source: ByteSource, private readonly folder: DataFolder | undefined, private readonly file: string | undefined) {
    this.wire = new WireReader(source);
  }

  read(): OnnxModel {
    refuseOtherFiles(this.source);
    const { wire } = this;
    let irVersion = 0;
    let producerName: string | undefined;
    let graph: OnnxGraph | undefined;
    const opsetImport: OnnxOpset[] = [];
    const functions: OnnxFunction[] = [];
    const metadata = new Map<string, string>();
    wire.root("ModelProto", {
      1: () => { irVersion = wire.safeInt(); },
      2: () => { producerName = wire.text(); },
      7: () => { graph = this.graph(); },
      8: () => opsetImport.push(this.opset()),
      14: () => metadata.set(...this.entry()),
      25: () => functions.push(this.function()),
    });
    const whole = (graph as OnnxGraph | undefined) ?? wire.fail("there is no graph in it");
    checkFunctions(whole, functions, this.source.file);
    return { irVersion, ...(producerName === undefined ? {} : { producerName }), opsetImport, metadata: Object.fromEntries(metadata), graph: whole, functions };
  }

  private opset(): OnnxOpset {
    const { wire } = this;
    let domain = "";
    let version = 0;
    wire.message("OperatorSetIdProto", { 1: () => { domain = wire.text(); }, 2: () => { version = wire.safeInt(); } });
    return { domain, version };
  }

  private entry(): [string, string] {
    const { wire } = this;
    let key = "";
    let value = "";
    wire.message("StringStringEntryProto", { 1: () => { key = wire.text(); }, 2: () => { value = wire.text(); } });
    return [key, value];
  }

  private graph(): OnnxGraph {
    const { wire } = this;
    if (++this.depth > maximalSubgraphDepth) wire.fail(`subgraphs are nested deeper than ${maximalSubgraphDepth}`);
    let name = "";
    const nodes: OnnxNode[] = [];
    const initializers: OnnxTensor[] = [];
    const inputs: OnnxValueInfo[] = [];
    const outputs: OnnxValueInfo[] = [];
    const valueInfo: OnnxValueInfo[] = [];
    wire.message("GraphProto", {
      1: () => nodes.push(this.node()),
      2: () => { name = wire.text(); },
      5: () => initializers.push(this.tensor("stay in the file")),
      11: () => inputs.push(this.valueInfo()),
      12: () => outputs.push(this.valueInfo()),
      13: () => valueInfo.push(this.valueInfo()),
      15: () => wire.fail("sparse initialisers are not supported"),
    });
    this.depth--;
    return { name, nodes, initializers, inputs, outputs, valueInfo };
  }

  private function(): OnnxFunction {
    const { wire } = this;
    let name = "";
    let domain = "";
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: string[] = [];
    const attributeDefaults: OnnxAttribute[] = [];
    const nodes: OnnxNode[] = [];
    const opsetImport: OnnxOpset[] = [];
    wire.message("FunctionProto", {
      1: () => { name = wire.text(); },
      4: () => inputs.push(wire.text()),
      5: () => outputs.push(wire.text()),
      6: () => attributes.push(wire.text()),
      7: () => nodes.push(this.node()),
      9: () => opsetImport.push(this.opset()),
      10: () => { domain = wire.text(); },
      11: () => attributeDefaults.push(this.attribute()),
    });
    return { name, domain, inputs, outputs, attributes, attributeDefaults, nodes, opsetImport };
  }

  private node(): OnnxNode {
    const { wire } = this;
    let op = "";
    let domain = "";
    let name = "";
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: OnnxAttribute[] = [];
    wire.message("NodeProto", {
      1: () => inputs.push(wire.text()),
      2: () => outputs.push(wire.text()),
      3: () => { name = wire.text(); },
      4: () => { op = wire.text(); },
      5: () => attributes.push(this.attribute()),
      7: () => { domain = wire.text(); },
    });
    return { op, domain, name, inputs, outputs, attributes };
  }

  private attribute(): OnnxAttribute {
    const { wire } = this;
    const at = wire.position;
    const fields = new AttributeFields();
    wire.message("AttributeProto", {
      1: () => { fields.name = wire.text(); },
      2: () => { fields.float = wire.float(); },
      3: () => { fields.int = wire.int(); },
      4: () => { fields.bytes = wire.blob(); },
      5: () => { fields.tensor = this.tensor("come inline"); },
      6: () => { fields.graph = this.graph(); },
      7: () => wire.floats(fields.floats),
      8: () => wire.ints(fields.ints),
      9: () => fields.strings.push(wire.text()),
      10: () => fields.tensors.push(this.tensor("come inline")),
      11: () => fields.graphs.push(this.graph()),
      20: () => { fields.type = wire.safeInt(); },
      21: () => { fields.reference = wire.text(); },
    });
    const value = fields.value() ?? wire.fail(`attribute ${JSON.stringify(fields.name)} has type ${fields.type} and no value this library can read`, at);
    return { name: fields.name, value };
  }

  private valueInfo(): OnnxValueInfo {
    const { wire } = this;
    let name = "";
    let type: { dtype?: DType; shape?: readonly Dim[] } = {};
    wire.message("ValueInfoProto", {
      1: () => { name = wire.text(); },
      2: () => wire.message("TypeProto", { 1: () => { type = this.tensorType(); } }),
    });
    return { name, ...type };
  }

  private tensorType(): { dtype?: DType; shape?: readonly Dim[] } {
    const { wire } = this;
    let dtype: DType | undefined;
    let shape: Dim[] | undefined;
    wire.message("TypeProto.Tensor", {
      1: () => { dtype = typeNames.get(wire.safeInt()); },
      2: () => {
        const dims: Dim[] = [];
        wire.message("TensorShapeProto", { 1: () => dims.push(this.dimension()) });
        shape = dims;
      },
    });
    return { ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape }) };
  }

  /** A number, a name, or a fresh name where the file says neither (some exporters write −1 for that). */
  private dimension(): Dim {
    const { wire } = this;
    const found: Dim[] = [];
    wire.message("TensorShapeProto.Dimension", { 1: () => found.push(wire.safeInt()), 2: () => found.push(wire.text()) });
    const dim = found.at(-1) ?? "";
    if (dim === "" || dim === -1) return `?${++this.unknownDims}`;
    return typeof dim === "number" && dim < 0 ? wire.fail(`a dimension of ${dim}`) : dim;
  }

  private tensor(largeOnes: "stay in the file" | "come inline"): OnnxTensor {
    const { wire } = this;
    const at = wire.position;
    const fields = new TensorFields();
    wire.message("TensorProto", {
      1: () => wire.ints(fields.dims),
      2: () => { fields.type = wire.safeInt(); },
      3: () => wire.fail("segmented tensors are not supported"),
      4: () => fields.addFixed(wire, 4),
      5: () => wire.ints(fields.ints),
      6: () => fields.strings.push(wire.range()),
      7: () => wire.ints(fields.ints),
      8: () => { fields.name = wire.text(); },
      9: () => { fields.raw = wire.range(); },
      10: () => fields.addFixed(wire, 8),
      11: () => wire.ints(fields.ints),
      13: () => fields.external.set(...this.entry()),
      14: () => { fields.isExternal = wire.safeInt() === 1; },
    });
    const dtype = this.elementType(fields, at);
    const dims = this.dims(fields, dtype, at);
    return { name: fields.name, dtype, dims, data: this.tensorData(fields, dtype, dims, largeOnes, at) };
  }

  private elementType({ name, type }: TensorFields, at: number): DType {
    return typeNames.get(type) ?? this.wire.fail(`tensor ${JSON.stringify(name)} has element type ${type}; known: ${[...typeNames].map(([number, known]) => `${number} ${known}`).join(", ")}`, at);
  }

  private dims({ name, dims }: TensorFields, dtype: DType, at: number): number[] {
    const numbers = dims.map((dim) => (typeof dim === "number" && dim >= 0 ? dim : this.wire.fail(`tensor ${JSON.stringify(name)} has a dimension of ${dim}`, at)));
    const width = dtype === "string" ? 1 : bytesPerElement[dtype];
    if (!numbers.includes(0) && !Number.isSafeInteger(sizeOf(numbers) * width)) this.wire.fail(`tensor ${JSON.stringify(name)} of shape [${numbers.join(", ")}] is too large to exist`, at);
    return numbers;
  }

  private tensorData(fields: TensorFields, dtype: DType, dims: readonly number[], largeOnes: "stay in the file" | "come inline", at: number): OnnxTensorData {
    const { wire } = this;
    const size = sizeOf(dims);
    const place = `tensor ${JSON.stringify(fields.name)} of shape [${dims.join(", ")}]`;
    if (dtype === "string") {
      if (fields.strings.length !== size) wire.fail(`${place} needs ${size} strings, has ${fields.strings.length}`, at);
      return { inline: fields.stringBytes(wire) };
    }
    const length = size * bytesPerElement[dtype];
    if (fields.isExternal) return { external: this.externalRange(fields, length, place) };
    const ranges = fields.raw !== undefined ? [fields.raw] : fields.fixed;
    const found = ranges.length > 0 ? ranges.reduce((sum, range) => sum + range.length, 0) : fields.ints.length * bytesPerElement[dtype];
    if (found !== length) wire.fail(`${place} needs ${length} bytes of ${dtype}, has ${found}`, at);
    if (ranges.length === 0) return { inline: fields.intBytes(dtype) };
    const [only] = ranges;
    if (this.file !== undefined && ranges.length === 1 && length > inlineLimit && largeOnes === "stay in the file") return { external: { file: this.file, ...only! } };
    return { inline: joined(ranges.map((range) => wire.bytesAt(range))) };
  }

  private externalRange(fields: TensorFields, length: number, place: string): OnnxExternalRange {
    const where = { file: this.source.file, place };
    if (this.folder === undefined) return refuseData(where, "has its data in another file, but the model came as bytes", "give the folder of the data as well");
    return this.folder.resolve(fields.external, length, where);
  }
}

/** What an AttributeProto held, before its type says which of it counts. */
class AttributeFields {
  name = "";
  type = 0;
  reference: string | undefined;
  float: number | undefined;
  int: number | bigint | undefined;
  bytes: Uint8Array | undefined;
  tensor: OnnxTensor | undefined;
  graph: OnnxGraph | undefined;
  readonly floats: number[] = [];
  readonly ints: (number | bigint)[] = [];
  readonly strings: string[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly graphs: OnnxGraph[] = [];

  value(): OnnxAttributeValue | undefined {
    if (this.reference !== undefined && this.reference !== "") return { kind: "reference", value: this.reference, type: this.type };
    switch (this.type === 0 ? this.impliedType() : this.type) {
      case 1: return { kind: "float", value: this.float ?? 0 };
      case 2: return { kind: "int", value: this.int ?? 0 };
      case 3: return textOrBytes(this.bytes ?? new Uint8Array(0));
      case 4: return this.tensor && { kind: "tensor", value: this.tensor };
      case 5: return this.graph && { kind: "graph", value: this.graph };
      case 6: return { kind: "floats", value: this.floats };
      case 7: return { kind: "ints", value: this.ints };
      case 8: return { kind: "strings", value: this.strings };
      case 9: return { kind: "tensors", value: this.tensors };
      case 10: return { kind: "graphs", value: this.graphs };
      default: return undefined;
    }
  }

  /** Old files leave the type out; then it is that of the one field that is there. */
  private impliedType(): number {
    const present = [this.float, this.int, this.bytes, this.tensor, this.graph, this.floats[0], this.ints[0], this.strings[0], this.tensors[0], this.graphs[0]];
    return present.findIndex((value) => value !== undefined) + 1;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOrBytes(bytes: Uint8Array): OnnxAttributeValue {
  try {
    return { kind: "string", value: decoder.decode(bytes) };
  } catch {
    return { kind: "bytes", value: bytes };
  }
}

/** What a TensorProto held. `float_data` and `double_data`, packed, are the same bytes as `raw_data` would be. */
class TensorFields {
  name = "";
  type = 0;
  isExternal = false;
  raw: ByteRange | undefined;
  readonly dims: (number | bigint)[] = [];
  readonly ints: (number | bigint)[] = [];
  readonly fixed: ByteRange[] = [];
  readonly strings: ByteRange[] = [];
  readonly external = new Map<string, string>();

  addFixed(wire: WireReader, width: 4 | 8): void {
    if (wire.isDelimited) this.fixed.push(wire.range());
    else this.fixed.push({ offset: wire.position, length: wire.fixed(width).length });
  }

  stringBytes(wire: WireReader): Uint8Array {
    return joined(this.strings.map(({ offset, length }) => {
      const head = stringHead(length);
      return joined([head, wire.bytesAt({ offset, length })]);
    }));
  }

  intBytes(dtype: Exclude<DType, "string">): Uint8Array {
    const width = bytesPerElement[dtype];
    const view = new DataView(new ArrayBuffer(this.ints.length * width));
    this.ints.forEach((value, index) => {
      if (width === 8) view.setBigInt64(index * 8, BigInt(value), true);
      else if (width === 4) view.setInt32(index * 4, Number(value), true);
      else if (width === 2) view.setInt16(index * 2, Number(value), true);
      else view.setInt8(index, Number(value));
    });
    return new Uint8Array(view.buffer);
  }
}

/** Key and length of a `string_data` field. */
function stringHead(length: number): Uint8Array {
  const bytes = [6 * 8 + 2];
  let rest = length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Names the usual things that are found where a model should be. */
function refuseOtherFiles(source: ByteSource): void {
  const { bytes, start } = source.window(0, Math.min(64, source.size));
  const foreign = foreignFile(bytes.subarray(start, 64), "an ONNX model");
  if (foreign === undefined) return;
  throw new ModlinguaError("format", foreign.problem, { ...(source.file === undefined ? {} : { file: source.file }), place: "byte 0", remedy: foreign.remedy });
}
