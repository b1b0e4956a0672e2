import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ModlinguaError } from "../base/index.js";
import { plainBytes } from "./plainBytes.js";

/** Bytes read by position: a file through a moving window, or memory. */
export interface ByteSource {
  /** The file it came from, for messages. */
  readonly file: string | undefined;
  readonly size: number;
  /** Windows stay valid; otherwise each is gone with the next. */
  readonly keepsWindows: boolean;
  /** A stretch of bytes that contains [offset, offset + length); it starts at `start`. */
  window(offset: number, length: number): { readonly bytes: Uint8Array; readonly start: number };
}

export function memorySource(given: Uint8Array, file?: string): ByteSource {
  const bytes = plainBytes(given);
  return { file, size: bytes.length, keepsWindows: true, window: () => ({ bytes, start: 0 }) };
}

/** Small enough that skimming past a weight matrix reads little of it, large enough for a run of nodes. */
const windowBytes = 16 * 1024;

/** Calls `use` with a source over the file at `path`, which is closed afterwards whatever happens. */
export function withFileSource<Result>(path: string, use: (source: ByteSource) => Result): Result {
  const descriptor = openForReading(path);
  try {
    return use(fileSource(descriptor, path));
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new ModlinguaError("io", missing ? "there is no such file" : `cannot be opened (${(cause as Error).message})`, { file: path, remedy: "check the path", cause });
  }
}

function fileSource(descriptor: number, file: string): ByteSource {
  const status = fstatSync(descriptor);
  if (!status.isFile()) throw new ModlinguaError("io", "is not a regular file", { file, remedy: "give the path of a file" });
  const buffer = new Uint8Array(windowBytes);
  return {
    file,
    size: status.size,
    keepsWindows: false,
    window(offset, length) {
      const wanted = Math.min(Math.max(length, windowBytes), status.size - offset);
      const target = wanted <= windowBytes ? buffer : new Uint8Array(wanted);
      let filled = 0;
      while (filled < wanted) {
        const count = readSync(descriptor, target, filled, wanted - filled, offset + filled);
        if (count === 0) throw new ModlinguaError("io", "became shorter while it was read", { file, place: `byte ${offset + filled}` });
        filled += count;
      }
      return { bytes: target.subarray(0, wanted), start: offset };
    },
  };
}

/** A place in the file, for data that is not read but pointed at. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** What to do with each known field of a message, by field number; the reader's typed methods take the value. */
export type FieldReaders = Readonly<Record<number, () => void>>;

const wireNames = ["varint", "8 bytes", "length-delimited", "group start", "group end", "4 bytes"];
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const scratch = new DataView(new ArrayBuffer(8));

/** A strict reader of the protobuf wire format. Every refusal names the file, the byte and the message. */
export class WireReader {
  position = 0;
  private limit: number;
  private wire = 2;
  private messageName = "";
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;

  constructor(private readonly source: ByteSource) {
    this.limit = source.size;
  }

  /** Reads the whole source as one message; fields that are not named are skipped. */
  root(name: string, fields: FieldReaders): void {
    this.walk(name, this.source.size, fields);
  }

  /** Reads a nested message. */
  message(name: string, fields: FieldReaders): void {
    const length = this.delimited();
    this.walk(name, this.position + length, fields);
  }

  private walk(name: string, end: number, fields: FieldReaders): void {
    const { limit, messageName } = this;
    this.limit = end;
    this.messageName = name;
    while (this.position < end) {
      const key = this.rawVarint();
      if (typeof key === "bigint" || key < 8 || key > 0xffffffff) this.fail(`${key} is not a field number`);
      this.wire = key % 8;
      const read = fields[Math.floor(key / 8)];
      if (read === undefined) this.skip();
      else read();
    }
    this.limit = limit;
    this.messageName = messageName;
  }

  /** A signed 64-bit integer: a number where it is safe, a bigint otherwise. */
  int(): number | bigint {
    this.expect(0);
    return this.rawVarint();
  }

  /** An integer that must be safe. */
  safeInt(): number {
    const value = this.int();
    if (typeof value === "bigint") this.fail(`the integer ${value} is out of range`);
    return value;
  }

  float(): number {
    this.expect(5);
    return this.rawFloat();
  }

  text(): string {
    const at = this.position;
    const bytes = this.view(this.delimited());
    try {
      return decoder.decode(bytes);
    } catch {
      return this.fail("the text is not UTF-8", at);
    }
  }

  /** A copy of the bytes of a field (a view of them where the source is memory). */
  blob(): Uint8Array {
    return this.bytesAt(this.range());
  }

  /** Where the bytes of a field lie, which are skipped. */
  range(): ByteRange {
    const length = this.delimited();
    const offset = this.position;
    this.position += length;
    return { offset, length };
  }

  /** The bytes of a range (a view where the source is memory, otherwise a copy). The reading position stays. */
  bytesAt({ offset, length }: ByteRange): Uint8Array {
    if (length === 0) return new Uint8Array(0);
    const { bytes, start } = this.source.window(offset, length);
    this.bytes = bytes;
    this.start = start;
    const part = bytes.subarray(offset - start, offset - start + length);
    return this.source.keepsWindows ? part : part.slice();
  }

  /** One value of a repeated integer field, or all of a packed one. */
  ints(into: (number | bigint)[]): void {
    this.repeated(0, () => into.push(this.rawVarint()));
  }

  floats(into: number[]): void {
    this.repeated(5, () => into.push(this.rawFloat()));
  }

  private repeated(wire: number, readOne: () => void): void {
    if (this.wire !== 2) {
      this.expect(wire);
      return readOne();
    }
    const length = this.delimited();
    const end = this.position + length;
    while (this.position < end) readOne();
    if (this.position !== end) this.fail("a packed field does not end where it says");
  }

  /** The wire type of the field being read is 2. */
  get isDelimited(): boolean {
    return this.wire === 2;
  }

  /** Takes one fixed-width element (4 or 8 bytes) of an unpacked field. */
  fixed(width: 4 | 8): Uint8Array {
    this.expect(width === 4 ? 5 : 1);
    return this.view(width).slice();
  }

  fail(problem: string, at = this.position): never {
    throw new ModlinguaError("format", problem, {
      ...(this.source.file === undefined ? {} : { file: this.source.file }),
      place: `byte ${at}${this.messageName === "" ? "" : ` (${this.messageName})`}`,
      remedy: "the file is damaged or not an ONNX model; get it again",
    });
  }

  private expect(wire: number): void {
    if (this.wire !== wire) this.fail(`a field has wire type ${this.wire} (${wireNames[this.wire] ?? "unknown"}), expected ${wire} (${wireNames[wire]})`);
  }

  private skip(): void {
    if (this.wire === 0) this.rawVarint();
    else if (this.wire === 1) this.view(8);
    else if (this.wire === 2) this.range();
    else if (this.wire === 5) this.view(4);
    else this.fail(`wire type ${this.wire} is not used by ONNX`);
  }

  /** The length of a delimited field, checked against what is left of the message around it. */
  private delimited(): number {
    this.expect(2);
    const at = this.position;
    const length = this.rawVarint();
    const left = this.limit - this.position;
    if (typeof length === "bigint" || length < 0 || length > left) this.fail(`a field of ${length} bytes is announced, ${left} are left (truncated?)`, at);
    return length;
  }

  private rawVarint(): number | bigint {
    let low = 0;
    let scale = 1;
    for (let index = 0; index < 7; index++, scale *= 128) {
      const byte = this.byte();
      low += (byte & 127) * scale;
      if (byte < 128) return low;
    }
    let value = BigInt(low);
    for (let index = 7; index < 10; index++) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << BigInt(7 * index);
      if (byte < 128) {
        if (index === 9 && byte > 1) this.fail("an integer is longer than 64 bits");
        return narrowed(BigInt.asIntN(64, value));
      }
    }
    return this.fail("an integer is longer than 10 bytes");
  }

  private rawFloat(): number {
    const bytes = this.view(4);
    for (let index = 0; index < 4; index++) scratch.setUint8(index, bytes[index]!);
    return scratch.getFloat32(0, true);
  }

  private byte(): number {
    if (this.position >= this.limit) this.fail("the message ends in the middle of a field (truncated?)");
    const index = this.position - this.start;
    if (index < 0 || index >= this.bytes.length) this.load(1);
    return this.bytes[this.position++ - this.start]!;
  }

  /** The next `length` bytes, valid until the next read. */
  private view(length: number): Uint8Array {
    if (length > this.limit - this.position) this.fail("the message ends in the middle of a field (truncated?)");
    const index = this.position - this.start;
    if (index < 0 || index + length > this.bytes.length) this.load(length);
    const from = this.position - this.start;
    this.position += length;
    return this.bytes.subarray(from, from + length);
  }

  private load(length: number): void {
    ({ bytes: this.bytes, start: this.start } = this.source.window(this.position, length));
  }
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const encoder = new TextEncoder();

/** A writer of the protobuf wire format: what it writes depends on the calls alone, so equal data gives equal bytes. */
export class WireWriter {
  private bytes = new Uint8Array(4096);
  private length = 0;

  /** The bytes written so far. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  int(field: number, value: number | bigint): void {
    this.key(field, 0);
    this.varint(value);
  }

  float(field: number, value: number): void {
    this.key(field, 5);
    this.rawFloat(value);
  }

  text(field: number, value: string): void {
    this.blob(field, encoder.encode(value));
  }

  /** A text that is left out when it is empty. */
  optionalText(field: number, value: string | undefined): void {
    if (value !== undefined && value !== "") this.text(field, value);
  }

  blob(field: number, value: Uint8Array): void {
    this.key(field, 2);
    this.varint(value.length);
    this.raw(value);
  }

  /** Bytes that are fields already. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  packedInts(field: number, values: readonly (number | bigint)[]): void {
    if (values.length > 0) this.message(field, () => values.forEach((value) => this.varint(value)));
  }

  packedFloats(field: number, values: readonly number[]): void {
    if (values.length > 0) this.message(field, () => values.forEach((value) => this.rawFloat(value)));
  }

  /** A nested message: its length is known only afterwards, so its bytes are moved when that takes more than one byte. */
  message(field: number, write: () => void): void {
    this.key(field, 2);
    const start = this.length;
    write();
    const length = this.length - start;
    const width = varintWidth(length);
    this.reserve(width);
    this.bytes.copyWithin(start + width, start, start + length);
    this.length = start;
    this.varint(length);
    this.length += length;
  }

  private key(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  private varint(value: number | bigint): void {
    this.reserve(10);
    if (typeof value === "bigint" || value < 0) return this.wideVarint(BigInt.asUintN(64, BigInt(value)));
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  private wideVarint(value: bigint): void {
    let rest = value;
    while (rest >= 128n) {
      this.bytes[this.length++] = Number(rest & 127n) + 128;
      rest >>= 7n;
    }
    this.bytes[this.length++] = Number(rest);
  }

  private rawFloat(value: number): void {
    this.reserve(4);
    scratch.setFloat32(0, value, true);
    for (let index = 0; index < 4; index++) this.bytes[this.length++] = scratch.getUint8(index);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.length + count, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

function varintWidth(value: number): number {
  let width = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) width++;
  return width;
}
