import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { randomStream } from "#src/base/index.js";
import { type OnnxAttributeValue, type OnnxGraph, type OnnxModel, type OnnxNode, type OnnxTensor, parseOnnx, readOnnxFile, writeOnnx } from "#src/formats/index.js";
import { WireWriter } from "#src/formats/protobuf.js";
import { onlyTypedErrors, refusal, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
const graphOf = (parts: Partial<OnnxGraph>): OnnxGraph => ({ name: "g", nodes: [], initializers: [], inputs: [], outputs: [], valueInfo: [], ...parts });
const modelOf = (graph: Partial<OnnxGraph>, rest: Partial<OnnxModel> = {}): OnnxModel => ({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], metadata: {}, functions: [], graph: graphOf(graph), ...rest });
const nodeOf = (op: string, rest: Partial<OnnxNode> = {}): OnnxNode => ({ op, domain: "", name: "", inputs: [], outputs: [], attributes: [], ...rest });
const floats = (name: string, dims: number[], count = dims.reduce((a, b) => a * b, 1)): OnnxTensor => ({ name, dtype: "float32", dims, data: { inline: new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer) } });

const everyKind: OnnxAttributeValue[] = [
  { kind: "float", value: 0.5 }, { kind: "int", value: -3 }, { kind: "int", value: 2n ** 62n }, { kind: "int", value: -(2 ** 52) }, { kind: "string", value: "größe" }, { kind: "bytes", value: Uint8Array.of(255, 254) },
  { kind: "floats", value: [1, -2.5] }, { kind: "ints", value: [0, -1, 2 ** 40, -(2n ** 63n)] }, { kind: "strings", value: ["a", ""] }, { kind: "tensor", value: floats("t", [2]) },
  { kind: "tensors", value: [floats("", []), floats("u", [0])] }, { kind: "graph", value: graphOf({ nodes: [nodeOf("Identity", { inputs: ["a"], outputs: ["b"] })] }) }, { kind: "graphs", value: [graphOf({ name: "" })] },
  { kind: "reference", value: "alpha", type: 1 }, { kind: "floats", value: [] }, { kind: "string", value: "" },
];

const rich = modelOf({
  nodes: [nodeOf("Op", { domain: "com.microsoft", name: "n", inputs: ["x", "", "w"], outputs: ["y"], attributes: everyKind.map((value, index) => ({ name: `a${index}`, value })) })],
  initializers: [floats("w", [300, 2]), floats("scalar", []), { name: "s", dtype: "string", dims: [2], data: { inline: Uint8Array.of(50, 1, 97, 50, 2, 98, 99) } }, { name: "i", dtype: "int64", dims: [1], data: { inline: new Uint8Array(8).fill(255) } }],
  inputs: [{ name: "x", dtype: "float16", shape: ["batch", 3, "?1", "?2"] }, { name: "rankless", dtype: "bool" }, { name: "sequence" }],
  outputs: [{ name: "y", dtype: "bfloat16", shape: [] }],
  valueInfo: [{ name: "v", dtype: "uint8", shape: [0] }],
}, {
  producerName: "test", metadata: { key: "value", "": "" },
  functions: [{ name: "F", domain: "local", inputs: ["a"], outputs: ["b"], attributes: ["alpha"], attributeDefaults: [{ name: "beta", value: { kind: "float", value: 2 } }], nodes: [nodeOf("Relu", { inputs: ["a"], outputs: ["b"] })], opsetImport: [{ domain: "", version: 17 }] }],
});

test("what is written is read back equal, and written again to equal bytes", () => {
  const { bytes, folder: none } = writeOnnx(rich);
  assert.equal(none, undefined);
  const back = parseOnnx(bytes);
  assert.deepEqual(structuredClone(back), structuredClone(rich));
  assert.deepEqual(writeOnnx(back).bytes, bytes);
});

test("random models make the round trip", () => {
  const random = randomStream(7, "onnx");
  for (let round = 0; round < 200; round++) {
    const nodes = Array.from({ length: random.integer(6) }, (_, index) => nodeOf("Op", { outputs: [`v${index}`.repeat(1 + random.integer(60))], attributes: everyKind.filter(() => random.uniform() < 0.3).map((value, at) => ({ name: `a${at}`, value })) }));
    const model = modelOf({ nodes, initializers: Array.from({ length: random.integer(4) }, (_, index) => floats(`w${index}`, [random.integer(5), random.integer(200)])) });
    const { bytes } = writeOnnx(model);
    assert.deepEqual(writeOnnx(parseOnnx(bytes)).bytes, bytes);
    for (let cut = 0; cut < 5; cut++) onlyTypedErrors(() => parseOnnx(bytes.subarray(0, random.integer(bytes.length))));
    const broken = bytes.slice();
    for (let flip = 0; flip < 3 && broken.length > 0; flip++) broken[random.integer(broken.length)] = random.integer(256);
    onlyTypedErrors(() => parseOnnx(broken));
  }
});

test("a skim leaves large initialisers in the file, and writes them as external data", () => {
  const path = join(folder, "whole.onnx");
  const weights = floats("w", [300, 2]);
  writeFileSync(path, writeOnnx(modelOf({ initializers: [weights, floats("small", [4])] })).bytes);
  const skimmed = readOnnxFile(path);
  const [w, small] = skimmed.graph.initializers;
  assert.ok(w !== undefined && "external" in w.data && "inline" in small!.data);
  const { file, offset, length } = w.data.external;
  assert.deepEqual(readFileSync(file).subarray(offset, offset + length), Buffer.from("inline" in weights.data ? weights.data.inline : []));
  const written = writeOnnx(skimmed);
  assert.ok(written.bytes.length < 400);
  assert.deepEqual(parseOnnx(written.bytes, written.folder).graph.initializers[0], w);
  assert.match(refusal(() => parseOnnx(written.bytes)).message, /came as bytes/);
});

test("values in typed fields are decoded, packed or not", () => {
  const wire = new WireWriter();
  wire.message(7, () => {
    wire.message(5, () => { wire.packedInts(1, [2]); wire.int(2, 1); wire.packedFloats(4, [1.5, -2]); wire.text(8, "floats"); });
    wire.message(5, () => { wire.int(1, 2); wire.int(2, 1); wire.float(4, 1.5); wire.float(4, -2); wire.text(8, "unpacked"); });
    wire.message(5, () => { wire.packedInts(1, [2]); wire.int(2, 7); wire.packedInts(7, [-1, 5]); wire.text(8, "int64"); });
    wire.message(5, () => { wire.packedInts(1, [2]); wire.int(2, 10); wire.packedInts(5, [0x3c00, 0xc000]); wire.text(8, "half"); });
    wire.message(5, () => { wire.packedInts(1, [2]); wire.int(2, 3); wire.int(5, -1); wire.int(5, 7); wire.text(8, "int8"); });
    wire.message(5, () => { wire.packedInts(1, [1]); wire.int(2, 13); wire.packedInts(11, [2n ** 64n - 1n]); wire.text(8, "uint64"); });
  });
  const inline = parseOnnx(wire.finish()).graph.initializers.map(({ data }) => ("inline" in data ? [...data.inline] : []));
  const pair = [...new Uint8Array(Float32Array.of(1.5, -2).buffer)];
  assert.deepEqual(inline, [pair, pair, [...new Uint8Array(BigInt64Array.of(-1n, 5n).buffer)], [0, 0x3c, 0, 0xc0], [255, 7], new Array(8).fill(255)]);
});

const asFile = (name: string, content: Uint8Array | string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const broken: readonly [name: string, bytes: Uint8Array | string, expected: RegExp][] = [
  ["empty", "", /is empty, expected an ONNX model/],
  ["html", "<!DOCTYPE html><html><body>404</body></html>", /is an HTML or XML page.*get the file again/],
  ["lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", /Git LFS pointer.*git lfs pull/],
  ["truncated", writeOnnx(rich).bytes.subarray(0, 700), /byte \d+ \(\w+\): a field of \d+ bytes is announced, \d+ are left \(truncated\?\)/],
  ["no graph", wire((w) => w.int(1, 8)), /there is no graph in it/],
  ["text", "this is not a model", /byte \d+/],
  ["long varint", Uint8Array.of(8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2), /longer than 64 bits/],
  ["longer varint", new Uint8Array(20).fill(255), /longer than 10 bytes/],
  ["wrong wire type", wire((w) => w.int(7, 3)), /wire type 0 \(varint\), expected 2 \(length-delimited\)/],
  ["negative dim", tensor((w) => { w.packedInts(1, [-4]); w.int(2, 1); }), /"w" has a dimension of -4/],
  ["huge dims", tensor((w) => { w.packedInts(1, [2 ** 40, 2 ** 40]); w.int(2, 1); }), /too large to exist/],
  ["larger dims", tensor((w) => { w.packedInts(1, [2n ** 62n]); w.int(2, 1); }), /has a dimension of 4611686018427387904/],
  ["short data", tensor((w) => { w.packedInts(1, [3]); w.int(2, 1); w.blob(9, new Uint8Array(8)); }), /of shape \[3\] needs 12 bytes of float32, has 8/],
  ["few ints", tensor((w) => { w.packedInts(1, [3]); w.int(2, 7); w.packedInts(7, [1, 2]); }), /needs 24 bytes of int64, has 16/],
  ["unknown type", tensor((w) => { w.packedInts(1, [1]); w.int(2, 99); }), /element type 99; known: 1 float32/],
  ["bad text", wire((w) => w.message(7, () => w.blob(2, Uint8Array.of(255)))), /\(GraphProto\): the text is not UTF-8/],
  ["made of groups", Uint8Array.of(0x63), /wire type 3 is not used/],
];

function wire(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  return writer.finish();
}

function tensor(write: (writer: WireWriter) => void): Uint8Array {
  return wire((writer) => writer.message(7, () => writer.message(5, () => {
    write(writer);
    writer.text(8, "w");
  })));
}

for (const [name, bytes, expected] of broken) {
  test(`a model file that is ${name} is refused with file and place`, () => {
    const path = asFile(`${name}.onnx`, bytes);
    const error = refusal(() => readOnnxFile(path));
    assert.equal(error.kind, "format");
    assert.equal(error.file, path);
    assert.match(error.message, expected);
  });
}

test("a missing model and a folder are refused as io", () => {
  assert.match(refusal(() => readOnnxFile(join(folder, "nowhere.onnx"))).message, /nowhere\.onnx: there is no such file/);
  assert.equal(refusal(() => readOnnxFile(folder)).kind, "io");
});

test("subgraphs nest 32 deep and no deeper", () => {
  const nested = (depth: number): OnnxGraph => graphOf(depth === 1 ? {} : { nodes: [nodeOf("If", { attributes: [{ name: "then_branch", value: { kind: "graph", value: nested(depth - 1) } }] })] });
  parseOnnx(writeOnnx(modelOf(nested(32))).bytes);
  assert.match(refusal(() => parseOnnx(writeOnnx(modelOf(nested(33))).bytes)).message, /deeper than 32/);
});

test("local functions may neither call themselves nor explode", () => {
  const functionOf = (name: string, calls: string[]) => ({ name, domain: "local", inputs: [], outputs: [], attributes: [], attributeDefaults: [], nodes: calls.map((op) => nodeOf(op, { domain: "local" })), opsetImport: [] });
  const read = (functions: OnnxModel["functions"]) => () => parseOnnx(writeOnnx(modelOf({ nodes: [nodeOf("f0", { domain: "local" })] }, { functions })).bytes);
  assert.match(refusal(read([functionOf("f0", ["f1"]), functionOf("f1", ["f0"])])).message, /function f0: calls itself/);
  const bomb = Array.from({ length: 12 }, (_, index) => functionOf(`f${index}`, new Array<string>(10).fill(`f${index + 1}`)));
  assert.match(refusal(read(bomb)).message, /grows to more than 1000000 nodes/);
  assert.match(refusal(read(Array.from({ length: 3000 }, (_, index) => functionOf(`f${index}`, [`f${index + 1}`])))).message, /more than 64 deep/);
  assert.equal(read([functionOf("f0", ["f1", "f1"]), functionOf("f1", [])])().functions.length, 2);
});

/** A model in `place` whose one initialiser has external data with these keys; 4 floats. */
function externalModel(keys: Readonly<Record<string, string>>): Uint8Array {
  return tensor((w) => {
    w.packedInts(1, [4]);
    w.int(2, 1);
    for (const [key, value] of Object.entries(keys)) w.message(13, () => { w.text(1, key); w.text(2, value); });
    w.int(14, 1);
  });
}

test("external data is contained in the model's folder and in its file", () => {
  const place = join(folder, "external");
  mkdirSync(join(place, "sub"), { recursive: true });
  writeFileSync(join(folder, "secret.bin"), new Uint8Array(64));
  writeFileSync(join(place, "data.bin"), new Uint8Array(32));
  writeFileSync(join(place, "sub", "data.bin"), new Uint8Array(32));
  symlinkSync(join(folder, "secret.bin"), join(place, "link.bin"));
  const read = (keys: Readonly<Record<string, string>>) => () => {
    writeFileSync(join(place, "model.onnx"), externalModel(keys));
    return readOnnxFile(join(place, "model.onnx")).graph.initializers[0]!.data;
  };
  assert.deepEqual(read({ location: "data.bin", offset: "16", length: "16" })(), { external: { file: join(place, "data.bin"), offset: 16, length: 16 } });
  assert.deepEqual(read({ location: "sub/data.bin" })(), { external: { file: join(place, "sub", "data.bin"), offset: 0, length: 16 } });
  const cases: [Record<string, string>, RegExp][] = [
    [{ location: "../secret.bin" }, /leaves the model's folder/], [{ location: "sub/../../secret.bin" }, /leaves the model's folder/], [{ location: join(folder, "secret.bin") }, /leaves the model's folder/],
    [{ location: "C:\\secret.bin" }, /leaves the model's folder/], [{ location: "*/_ORT_MEM_ADDR_/*" }, /leaves the model's folder/], [{ location: "" }, /leaves the model's folder/], [{ location: "a\0b" }, /leaves the model's folder/],
    [{ location: "link.bin" }, /a link out of the model's folder/], [{ location: "missing.bin" }, /needs the data file "missing\.bin", which is not there — put the data file beside the model/], [{ location: "sub" }, /not there/], [{}, /without a location/],
    [{ location: "data.bin", offset: "17" }, /in bytes 17 to 33 of "data\.bin", which has only 32/], [{ location: "data.bin", offset: "-1" }, /offset "-1"/], [{ location: "data.bin", offset: "99999999999999999999" }, /offset/],
    [{ location: "data.bin", length: "12" }, /needs 16 bytes, its external data has 12/], [{ location: "data.bin", length: "1e1" }, /length "1e1"/],
  ];
  for (const [keys, expected] of cases) {
    const error = refusal(read(keys));
    assert.match(error.message, expected);
    assert.match(error.place!, /tensor "w"/);
  }
  linkSync(join(place, "data.bin"), join(place, "hard.bin"));
  assert.ok(read({ location: "hard.bin" })());
});

test("the layout of the Hugging Face cache works: model and data are links into blobs", () => {
  const cache = join(folder, "cache");
  mkdirSync(join(cache, "blobs"), { recursive: true });
  mkdirSync(join(cache, "snapshots", "main", "onnx"), { recursive: true });
  writeFileSync(join(cache, "blobs", "aa"), externalModel({ location: "model.onnx_data" }));
  writeFileSync(join(cache, "blobs", "bb"), new Uint8Array(16));
  const onnx = join(cache, "snapshots", "main", "onnx");
  symlinkSync("../../../blobs/aa", join(onnx, "model.onnx"));
  symlinkSync("../../../blobs/bb", join(onnx, "model.onnx_data"));
  const model = readOnnxFile(join(onnx, "model.onnx"));
  assert.deepEqual(model.graph.initializers[0]!.data, { external: { file: join(cache, "blobs", "bb"), offset: 0, length: 16 } });
  assert.equal(writeOnnx(model).folder, join(cache, "blobs"));
});

test("a model whose data lies in unrelated folders cannot be written", () => {
  const external = (file: string): OnnxTensor => ({ name: file, dtype: "float32", dims: [1], data: { external: { file, offset: 0, length: 4 } } });
  assert.match(refusal(() => writeOnnx(modelOf({ initializers: [external("/a/x.bin"), external("/b/y.bin")] }))).message, /lies in \/a and in \/b/);
  const { bytes, folder: shared } = writeOnnx(modelOf({ initializers: [external("/a/x.bin"), external("/a/sub/y.bin")] }));
  assert.equal(shared, "/a");
  assert.ok(Buffer.from(bytes).includes("sub/y.bin"));
  assert.match(refusal(() => writeOnnx(modelOf({ initializers: [floats("w", [3], 2)] }))).message, /needs 12 bytes, has 8/);
});

const backbones = "../shared/reference/parity/backbones";
test("graphs exported by torch make the round trip", { skip: existsSync(backbones) ? false : "no reference graphs here" }, () => {
  const files = readdirSync(backbones, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".onnx")).map((file) => join(backbones, file));
  assert.ok(files.length > 5);
  for (const file of files) {
    const model = readOnnxFile(file);
    const written = writeOnnx(model);
    assert.deepEqual(writeOnnx(parseOnnx(written.bytes, written.folder)).bytes, written.bytes, file);
    assert.ok(model.graph.nodes.length > 100 && model.graph.inputs.length > 0, file);
    assert.deepEqual(parseOnnx(readFileSync(file)).graph.nodes, model.graph.nodes, file);
  }
});

const encoder = "../shared/models/multilingual-e5-small";
test("the 470 MB encoder is skimmed in little time and memory", { skip: existsSync(encoder) ? false : "the large encoder is not here" }, () => {
  execFileSync(process.execPath, [realpathSync(join(encoder, "materialise.mjs")), join(folder, "e5")]);
  const path = join(folder, "e5", "onnx", "model.onnx");
  const begin = performance.now();
  const whole = readFileSync(path).length;
  const reading = performance.now() - begin;
  const before = process.memoryUsage().rss;
  const skimBegin = performance.now();
  const { graph } = readOnnxFile(path);
  const skimming = performance.now() - skimBegin;
  assert.ok(whole > 4e8 && graph.nodes.length > 500);
  assert.ok(skimming < reading / 2, `skim ${skimming} ms, reading the file ${reading} ms`);
  assert.ok(process.memoryUsage().rss - before < 64e6);
  const kept = graph.initializers.reduce((sum, { data }) => sum + ("inline" in data ? data.inline.length : 0), 0);
  assert.ok(kept < 200_000);
});
