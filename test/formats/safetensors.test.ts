import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Tensor, bytesOfTensor, bytesPerElement, float32, int64, randomStream, tensorFromBytes } from "#src/base/index.js";
import { openSafetensors, parseSafetensors, readSafetensors, writeSafetensors, writeSafetensorsFile } from "#src/formats/index.js";
import { duplicateKey } from "#src/formats/duplicateKey.js";
import { onlyTypedErrors, refusal, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();

/** A file with this header text and so many bytes of data. */
function file(header: string | Uint8Array, data = 0, announced?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, announced ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (name: string, begin: number, end: number, shape: string = `[${(end - begin) / 4}]`, dtype = "F32"): string => `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

const broken: readonly [name: string, bytes: Uint8Array, expected: RegExp][] = [
  ["empty", new Uint8Array(0), /is empty, expected a safetensors file/],
  ["seven bytes long", new Uint8Array(7), /is only 7 bytes long/],
  ["a header of 2^63 bytes", file("{}", 0, 2n ** 63n), /a header of 9223372036854775808 bytes, the format allows 100000000/],
  ["a header of 2^64 - 1 bytes", file("{}", 0, 2n ** 64n - 1n), /a header of 18446744073709551615 bytes/],
  ["a header beyond 100 MB", file("{}", 0, 100_000_001n), /the format allows/],
  ["a header larger than the file", file("{}", 0, 50n), /a header of 50 bytes, 2 are left \(truncated\?\)/],
  ["truncated data", file(`{${entry("a", 0, 8)}}`, 4), /should end at byte \d+, the file ends at \d+ \(truncated\?\)/],
  ["trailing bytes", file(`{${entry("a", 0, 8)}}`, 9), /1 bytes follow the last tensor/],
  ["a hole", file(`{${entry("a", 0, 4)},${entry("b", 8, 12)}}`, 12), /tensor "b": begins at byte \d+, the data before it ends at \d+ \(hole\)/],
  ["a hole at the beginning", file(`{${entry("a", 4, 8)}}`, 8), /\(hole\)/],
  ["an overlap", file(`{${entry("a", 0, 8)},${entry("b", 4, 12)}}`, 12), /tensor "b": .*\(overlap\)/],
  ["two tensors on one range", file(`{${entry("a", 0, 4)},${entry("b", 0, 4)}}`, 4), /\(overlap\)/],
  ["a negative offset", file(`{${entry("a", -4, 0, "[1]")}}`, 0), /data_offsets \[-4,0\]/],
  ["a fractional offset", file(`{${entry("a", 0, 4.5, "[1]")}}`, 4), /data_offsets \[0,4.5\]/],
  ["reversed offsets", file(`{${entry("a", 4, 0, "[1]")}}`, 4), /two whole numbers in order/],
  ["an offset above 2^53", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]}}`, 4), /data_offsets/],
  ["three offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), /data_offsets/],
  ["a shape that does not fit", file(`{${entry("a", 0, 8, "[3]")}}`, 8), /of shape \[3\] and dtype F32 needs 12 bytes, its data_offsets span 8/],
  ["a shape whose product overflows", file(`{${entry("a", 0, 8, "[4294967296,4294967296,4294967296]")}}`, 8), /needs 316912650057057350374175801344 bytes/],
  ["a negative dimension", file(`{${entry("a", 0, 4, "[-1]")}}`, 4), /shape \[-1\]/],
  ["an empty tensor inside another", file(`{${entry("a", 0, 8)},${entry("b", 4, 4, "[0]")}}`, 8), /\(overlap\)/],
  ["a name twice", file(`{${entry("a", 0, 4)},${entry("a", 4, 8)}}`, 8), /the key "a" appears twice/],
  ["a name twice, once escaped", file(`{${entry("a", 0, 4)},${entry("\\u0061", 4, 8)}}`, 8), /the key "a" appears twice/],
  ["a key of an entry twice", file(`{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8), /the key "dtype" appears twice/],
  ["not UTF-8", file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
  ["not JSON", file("{]"), /not JSON/],
  ["JSON that is not an object", file("[]"), /does not begin with \{/],
  ["JSON after a space", file(" {}"), /does not begin with \{/],
  ["JSON after a byte order mark", file("\ufeff{}"), /does not begin with \{/],
  ["metadata with numbers", file(`{"__metadata__":{"steps":3}}`), /__metadata__\.steps is not a string/],
  ["metadata that is a list", file(`{"__metadata__":[]}`), /__metadata__ is not an object/],
  ["an entry that is a number", file(`{"a":3}`), /tensor "a": its entry is not an object/],
  ["an F8 tensor", file(`{${entry("a", 0, 1, "[1]", "F8_E4M3")}}`, 1), /dtype "F8_E4M3"; known: F64, F32, F16, BF16/],
  ["an HTML page", new TextEncoder().encode("<html><title>Sign in</title></html>"), /HTML/],
  ["a Git LFS pointer", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"), /git lfs pull/],
];

for (const [name, bytes, expected] of broken) {
  test(`a safetensors file with ${name} is refused`, () => {
    const path = join(folder, "broken.safetensors");
    writeFileSync(path, bytes);
    const error = refusal(() => openSafetensors(path));
    assert.equal(error.kind, "format");
    assert.equal(error.file, path);
    assert.match(error.message, expected);
    assert.match(refusal(() => parseSafetensors(bytes)).message, expected);
  });
}

test("a memory bomb of 100,000 tensors on one range is refused", () => {
  const bomb = Array.from({ length: 100_000 }, (_, index) => entry(`t${index}`, 0, 4)).join(",");
  assert.match(refusal(() => parseSafetensors(file(`{${bomb}}`, 4))).message, /overlap/);
});

test("duplicate keys are found in very long and deep texts without overflowing", () => {
  assert.equal(duplicateKey(JSON.stringify({ ["x\\\"".repeat(2_000_000)]: 1, b: 2 })), undefined);
  assert.equal(duplicateKey(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), undefined);
  assert.equal(duplicateKey('{"a":[{"b":1},{"b":1}],"b":{"a":"a:"}}'), undefined);
  assert.equal(duplicateKey('{"a":{"b":[{"c":1,"d":2,"c" : 3}]}}'), "c");
});

test("every element type makes the round trip, values bit by bit", () => {
  const random = randomStream(3, "safetensors");
  const tensors = new Map<string, Tensor>();
  for (const dtype of Object.keys(bytesPerElement) as Tensor["dtype"][]) {
    const bytes = Uint8Array.from({ length: 6 * bytesPerElement[dtype] }, () => random.integer(256));
    tensors.set(`weights.${dtype}`, tensorFromBytes(dtype, [2, 3], bytes));
  }
  tensors.set("scalar", float32([], [NaN]));
  tensors.set("empty", float32([0, 4]));
  tensors.set("__proto__", int64([1], [2n ** 60n]));
  tensors.set("constructor", float32([1], [Infinity]));
  tensors.set("10", float32([1], [1]));
  const bytes = writeSafetensors(tensors, { b: "2", a: "1" });
  const { tensors: back, metadata } = parseSafetensors(bytes);
  assert.deepEqual([...metadata], [["a", "1"], ["b", "2"]]);
  assert.equal(back.size, tensors.size);
  for (const [name, tensor] of tensors) {
    const found = back.get(name)!;
    assert.deepEqual([found.dtype, [...found.dims], bytesOfTensor(found)], [tensor.dtype, [...tensor.dims], bytesOfTensor(tensor)], name);
  }
  assert.deepEqual(writeSafetensors(back, metadata), bytes);
  assert.deepEqual(writeSafetensors(new Map([...tensors].reverse()), { a: "1", b: "2" }), bytes);
  assert.equal(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8, 0);
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
});

test("a tensor at an odd place is copied, not refused", () => {
  const bytes = new Uint8Array(1 + 200);
  const header = `{${entry("b", 0, 1, "[1]", "U8")},${entry("f", 1, 9)}}`;
  const inner = file(header, 9);
  new DataView(inner.buffer).setFloat32(inner.length - 8, 2.5, true);
  bytes.set(inner, 1);
  assert.equal(parseSafetensors(bytes.subarray(1, 1 + inner.length)).tensors.get("f")!.data[0], 2.5);
  assert.equal(parseSafetensors(Buffer.from(bytes.buffer, 1, inner.length)).tensors.get("f")!.data[0], 2.5);
});

test("one tensor of a file is read alone, and a file that changed since is refused", () => {
  const path = join(folder, "lazy.safetensors");
  writeSafetensorsFile(path, { a: float32([2], [1, 2]), b: float32([1], [3]) }, { base: "tiny" });
  const opened = openSafetensors(path);
  assert.deepEqual([[...opened.entries.keys()], opened.metadata.get("base")], [["a", "b"], "tiny"]);
  assert.deepEqual([...opened.tensor("b").data], [3]);
  assert.match(refusal(() => opened.tensor("bb")).message, /unknown tensor in .* "bb"; known: a, b/);
  assert.deepEqual([...readSafetensors(path).tensors.get("a")!.data], [1, 2]);
  appendFileSync(path, "x");
  assert.match(refusal(() => opened.tensor("a")).message, /has changed since it was opened — open it again/);
  assert.equal(refusal(() => openSafetensors(join(folder, "none"))).kind, "io");
});

test("what cannot be written is refused", () => {
  assert.match(refusal(() => writeSafetensors({ __metadata__: float32([1]) })).message, /__metadata__/);
  assert.match(refusal(() => writeSafetensors({ w: { dtype: "float32", dims: [3], data: new Float32Array(2) } })).message, /tensor "w": a float32 tensor of shape \[3\] cannot have 8 bytes/);
});

test("damaged files give typed errors only", () => {
  const random = randomStream(5, "fuzz");
  const bytes = writeSafetensors({ a: float32([3], [1, 2, 3]), b: int64([2], [1, 2]) }, { key: "value" });
  for (let round = 0; round < 3000; round++) {
    const damaged = bytes.slice(0, round % 3 === 0 ? random.integer(bytes.length) : bytes.length);
    for (let flip = 0; flip < 2 && damaged.length > 0; flip++) damaged[random.integer(damaged.length)] = random.integer(256);
    onlyTypedErrors(() => parseSafetensors(damaged));
  }
});

const cases = "../shared/reference/parity/cases";
test("files of the real library are read", { skip: existsSync(cases) ? false : "no reference files here" }, () => {
  const files = readdirSync(cases, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".safetensors"));
  assert.ok(files.length > 5);
  for (const path of files) {
    const bytes = readFileSync(join(cases, path));
    const { tensors, metadata } = parseSafetensors(bytes, path);
    assert.ok(tensors.size > 0);
    const again = parseSafetensors(writeSafetensors(tensors, metadata));
    for (const [name, tensor] of tensors) assert.deepEqual(bytesOfTensor(again.tensors.get(name)!), bytesOfTensor(tensor));
  }
});
