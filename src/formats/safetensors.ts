import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { ModlinguaError, type Tensor, bytesOfTensor, bytesPerElement, sizeOf, tensorFromBytes, unknownName, writeFileAtomic } from "../base/index.js";
import { foreignFile } from "./foreignFile.js";
import { duplicateKey } from "./duplicateKey.js";
import { plainBytes } from "./plainBytes.js";

/** Where one tensor lies; `offset` counts from the beginning of the file. */
export interface SafetensorsEntry {
  readonly dtype: Tensor["dtype"];
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface Safetensors {
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A file whose header is read and whose tensors are read one by one. */
export interface SafetensorsFile {
  /** Absolute, links resolved. */
  readonly file: string;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Reads one tensor; throws for a name that is not there, or when the file has changed since it was opened. */
  tensor(name: string): Tensor;
}

/** The limit of the format's own library: a header larger than this is an attack. */
const maximalHeader = 100_000_000;

const dtypes = new Map<string, Tensor["dtype"]>([
  ["F64", "float64"], ["F32", "float32"], ["F16", "float16"], ["BF16", "bfloat16"], ["I64", "int64"], ["I32", "int32"], ["I16", "int16"], ["I8", "int8"],
  ["U64", "uint64"], ["U32", "uint32"], ["U16", "uint16"], ["U8", "uint8"], ["BOOL", "bool"],
]);
const names = new Map([...dtypes].map(([name, dtype]) => [dtype, name]));

/** Reads a whole file from memory; tensors are views of the bytes where alignment allows. `file` is for messages. */
export function parseSafetensors(given: Uint8Array, file?: string): Safetensors {
  const bytes = plainBytes(given);
  const { entries, metadata } = parseHeader((offset, length) => bytes.subarray(offset, offset + length), bytes.length, file);
  const tensors = new Map([...entries].map(([name, entry]) => [name, toTensor(entry, bytes.subarray(entry.offset, entry.offset + entry.length))]));
  return { tensors, metadata };
}

/** Reads all tensors of the file at `path`. */
export function readSafetensors(path: string): Safetensors {
  const opened = openSafetensors(path);
  return { tensors: new Map([...opened.entries.keys()].map((name) => [name, opened.tensor(name)])), metadata: opened.metadata };
}

/** Reads the header only. */
export function openSafetensors(path: string): SafetensorsFile {
  return withFile(path, (descriptor) => {
    const file = realpathSync(path);
    const { size, mtimeMs } = fstatSync(descriptor);
    const { entries, metadata } = parseHeader((offset, length) => readRange(descriptor, offset, length, path), size, path);
    const tensor = (name: string): Tensor => {
      const entry = entries.get(name);
      if (entry === undefined) throw unknownName("format", `tensor in ${path}`, name, [...entries.keys()]);
      return withFile(file, (again) => {
        const now = fstatSync(again);
        if (now.size !== size || now.mtimeMs !== mtimeMs) throw new ModlinguaError("io", "has changed since it was opened", { file: path, remedy: "open it again" });
        return toTensor(entry, readRange(again, entry.offset, entry.length, path));
      });
    };
    return { file, entries, metadata, tensor };
  });
}

function withFile<Result>(path: string, use: (descriptor: number) => Result): Result {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new ModlinguaError("io", missing ? "there is no such file" : `cannot be opened (${(cause as Error).message})`, { file: path, remedy: "check the path", cause });
  }
  try {
    if (!fstatSync(descriptor).isFile()) throw new ModlinguaError("io", "is not a regular file", { file: path, remedy: "give the path of a file" });
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readRange(descriptor: number, offset: number, length: number, file: string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = readSync(descriptor, bytes, filled, length - filled, offset + filled);
    if (count === 0) throw new ModlinguaError("io", "became shorter while it was read", { file, place: `byte ${offset + filled}` });
    filled += count;
  }
  return bytes;
}

function toTensor({ dtype, dims }: SafetensorsEntry, bytes: Uint8Array): Tensor {
  return tensorFromBytes(dtype, dims, bytes);
}

interface Header {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

type Refuse = (problem: string, place: string) => never;

function parseHeader(read: (offset: number, length: number) => Uint8Array, size: number, file: string | undefined): Header {
  const refuse: Refuse = (problem, place) => {
    throw new ModlinguaError("format", problem, { ...(file === undefined ? {} : { file }), place, remedy: "the file is damaged or not safetensors; get it again" });
  };
  const foreign = foreignFile(read(0, Math.min(64, size)), "a safetensors file");
  if (foreign !== undefined) throw new ModlinguaError("format", foreign.problem, { ...(file === undefined ? {} : { file }), place: "byte 0", remedy: foreign.remedy });
  if (size < 8) refuse(`is only ${size} bytes long, a safetensors file has at least 8`, "byte 0");
  const length = headerLength(read(0, 8), size, refuse);
  const json = parseJson(read(8, length), refuse);
  const metadata = parseMetadata(json, refuse);
  const entries = [...json].filter(([name]) => name !== "__metadata__").map(([name, info]) => [name, parseEntry(name, info, 8 + length, refuse)] as const);
  return { entries: inOrder(entries, 8 + length, size, refuse), metadata };
}

/** A little-endian u64, compared before it is made a number, so that nothing is rounded or allocated. */
function headerLength(bytes: Uint8Array, size: number, refuse: Refuse): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maximalHeader)) refuse(`announces a header of ${length} bytes, the format allows ${maximalHeader}`, "byte 0");
  if (length > BigInt(size - 8)) refuse(`announces a header of ${length} bytes, ${size - 8} are left (truncated?)`, "byte 0");
  return Number(length);
}

function parseJson(bytes: Uint8Array, refuse: Refuse): Map<string, unknown> {
  if (bytes[0] !== 0x7b) refuse("the header does not begin with {", "byte 8");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("the header is not UTF-8", "header");
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return refuse(`the header is not JSON (${(cause as Error).message})`, "header");
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) refuse(`the key ${JSON.stringify(duplicate)} appears twice`, "header");
  return new Map(Object.entries(json as object));
}

function parseMetadata(json: ReadonlyMap<string, unknown>, refuse: Refuse): Map<string, string> {
  const metadata = json.get("__metadata__") ?? {};
  if (typeof metadata !== "object" || Array.isArray(metadata)) refuse("__metadata__ is not an object", "header");
  const entries = Object.entries(metadata as object) as [string, unknown][];
  return new Map(entries.map(([key, value]) => [key, typeof value === "string" ? value : refuse(`__metadata__.${key} is not a string`, "header")]));
}

function parseEntry(name: string, info: unknown, base: number, refuse: Refuse): SafetensorsEntry {
  const place = `tensor ${JSON.stringify(name)}`;
  if (typeof info !== "object" || info === null) return refuse("its entry is not an object", place);
  const { dtype: given, shape, data_offsets: offsets } = info as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const dtype = dtypes.get(String(given)) ?? refuse(`has dtype ${JSON.stringify(given)}; known: ${[...dtypes.keys()].join(", ")}`, place);
  const dims = wholeNumbers(shape) ?? refuse(`has shape ${JSON.stringify(shape)}, expected whole numbers`, place);
  const range = wholeNumbers(offsets) ?? [];
  const [begin, end] = range;
  if (begin === undefined || end === undefined || range.length !== 2 || end < begin) return refuse(`has data_offsets ${JSON.stringify(offsets)}, expected two whole numbers in order`, place);
  const needed = dims.reduce((product, dim) => product * BigInt(dim), BigInt(bytesPerElement[dtype]));
  if (needed !== BigInt(end - begin)) refuse(`of shape [${dims.join(", ")}] and dtype ${given} needs ${needed} bytes, its data_offsets span ${end - begin}`, place);
  return { dtype, dims, offset: base + begin, length: end - begin };
}

function wholeNumbers(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0) ? value as number[] : undefined;
}

/** The tensors must cover the data one after another, without a hole or an overlap (empty ones take no room anywhere between). */
function inOrder(entries: readonly (readonly [string, SafetensorsEntry])[], base: number, size: number, refuse: Refuse): Map<string, SafetensorsEntry> {
  const sorted = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let end = base;
  for (const [name, { offset, length }] of sorted) {
    if (offset !== end) refuse(`begins at byte ${offset}, the data before it ends at ${end} (${offset < end ? "overlap" : "hole"})`, `tensor ${JSON.stringify(name)}`);
    end += length;
  }
  if (end !== size) refuse(end > size ? `the data should end at byte ${end}, the file ends at ${size} (truncated?)` : `${size - end} bytes follow the last tensor`, `byte ${Math.min(end, size)}`);
  return new Map(sorted);
}

type TensorTable = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;
type TextTable = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/**
 * The bytes of a safetensors file. Tensors are put in the order of falling element size, then name, and metadata in the order of
 * keys, so that equal content gives equal bytes; the header is padded with spaces to a multiple of 8, so that every tensor is aligned.
 */
export function writeSafetensors(tensors: TensorTable, metadata: TextTable = {}): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Writes such a file, atomically and without a second copy of the weights. */
export function writeSafetensorsFile(path: string, tensors: TensorTable, metadata: TextTable = {}): void {
  writeFileAtomic(path, safetensorsParts(tensors, metadata));
}

function safetensorsParts(tensors: TensorTable, metadata: TextTable): Uint8Array[] {
  const sorted = entriesOf(tensors).sort(([a, x], [b, y]) => bytesPerElement[y.dtype] - bytesPerElement[x.dtype] || (a < b ? -1 : 1));
  const header: [string, unknown][] = [];
  const notes = entriesOf(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (notes.length > 0) header.push(["__metadata__", Object.fromEntries(notes)]);
  let offset = 0;
  for (const [name, tensor] of sorted) {
    if (name === "__metadata__") throw new ModlinguaError("format", "a tensor cannot be called __metadata__", { remedy: "rename it" });
    checkLength(name, tensor);
    header.push([name, { dtype: names.get(tensor.dtype), shape: tensor.dims, data_offsets: [offset, offset + tensor.data.byteLength] }]);
    offset += tensor.data.byteLength;
  }
  return [headerBytes(header), ...sorted.map(([, tensor]) => bytesOfTensor(tensor))];
}

function checkLength(name: string, { dtype, dims, data }: Tensor): void {
  if (data.byteLength !== sizeOf(dims) * bytesPerElement[dtype]) {
    throw new ModlinguaError("format", `a ${dtype} tensor of shape [${dims.join(", ")}] cannot have ${data.byteLength} bytes`, { place: `tensor ${JSON.stringify(name)}` });
  }
}

/** Object keys would be reordered where they look like numbers, so the outer object is put together by hand. */
function headerBytes(entries: readonly (readonly [string, unknown])[]): Uint8Array {
  const json = new TextEncoder().encode(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`);
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return padded;
}

function entriesOf<Value>(table: ReadonlyMap<string, Value> | Readonly<Record<string, Value>>): [string, Value][] {
  return table instanceof Map ? [...(table as ReadonlyMap<string, Value>)] : Object.entries(table as Readonly<Record<string, Value>>);
}
