import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, test } from "node:test";
import { ModlinguaError, float32, int64, tensor, toHalf, fromHalf } from "#src/base/index.js";
import { writeOnnx } from "#src/formats/index.js";
import { sharedHost } from "#src/runtime/host.js";
import { dropTensors, openSession, placeTensors } from "#src/runtime/index.js";
import { linearModel, modelOf, node, slowModel } from "./models.js";

const folder = mkdtempSync(join(tmpdir(), "modlingua-runtime-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const identity = (width: number, scale = 1): Float32Array => Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? scale : 0));

async function refusal(promise: Promise<unknown>): Promise<ModlinguaError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ModlinguaError, String(error));
    return error;
  }
  return assert.fail("nothing was refused");
}

test("a model with external data gives y = x w + b", async () => {
  const data = new Float32Array([9, 9, 9, 1, 2, 3, 4, 10, 20]);
  writeFileSync(join(folder, "w.bin"), new Uint8Array(data.buffer));
  const external = (offset: number, length: number) => ({ external: { file: join(folder, "w.bin"), offset, length } });
  const written = writeOnnx(modelOf({
    nodes: [node("MatMul", ["x", "w"], ["xw"]), node("Add", ["xw", "b"], ["y"])],
    inputs: [{ name: "x", dtype: "float32", shape: ["n", 2] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", 2] }],
    initializers: [{ name: "w", dtype: "float32", dims: [2, 2], data: external(12, 16) }, { name: "b", dtype: "float32", dims: [2], data: external(28, 8) }],
  }));
  assert.equal(written.folder, folder);
  const session = await openSession({ bytes: written.bytes, folder });
  const { y } = await session.run({ x: float32([2, 2], [1, 0, 1, 1]) });
  assert.deepEqual(y!.dims, [2, 2]);
  assert.deepEqual([...y!.data], [11, 22, 14, 26]);
  writeFileSync(join(folder, "whole.onnx"), written.bytes);
  const fromPath = await openSession({ path: join(folder, "whole.onnx") });
  assert.equal(fromPath.name, "whole.onnx");
  assert.deepEqual([...(await fromPath.run({ x: float32([1, 2], [1, 1]) })).y!.data], [14, 26]);
  await session.close();
  await fromPath.close();
  assert.match((await refusal(session.run({}))).message, /closed/);
});

test("views of larger buffers are fed as they look, and keep their memory unless it is handed over", async () => {
  const session = await openSession({ bytes: linearModel(2) });
  const large = new Float32Array([7, 7, 1, 2, 7]);
  const feeds = { x: float32([1, 2], large.subarray(2, 4)), w: float32([2, 2], identity(2)), b: float32([2]) };
  assert.deepEqual([...(await session.run(feeds)).y!.data], [1, 2]);
  assert.equal(large.length, 5);
  const given = { x: float32([1, 2], [5, 6]), w: float32([2, 2], identity(2)), b: float32([2]) };
  assert.deepEqual([...(await session.run(given, { transfer: true })).y!.data], [5, 6]);
  assert.equal(given.x.data.length, 0);
  const view = { x: float32([1, 2], large.subarray(2, 4)), w: float32([2, 2], identity(2)), b: float32([2]) };
  assert.deepEqual([...(await session.run(view, { transfer: true })).y!.data], [1, 2]);
  assert.equal(large.length, 5, "memory that is shared with others is not handed over");
  await session.close();
});

test("element types cross the border both ways", async () => {
  const info = (name: string, dtype: "float16" | "bool" | "int64") => ({ name, dtype, shape: ["n"] });
  const { bytes } = writeOnnx(modelOf({
    nodes: [node("Add", ["h", "h"], ["h2"]), node("Not", ["t"], ["f"]), node("Mul", ["i", "i"], ["i2"])],
    inputs: [info("h", "float16"), info("t", "bool"), info("i", "int64")],
    outputs: [info("h2", "float16"), info("f", "bool"), info("i2", "int64")],
  }));
  const session = await openSession({ bytes });
  const { h2, f, i2 } = await session.run({ h: tensor("float16", [2], Uint16Array.of(toHalf(1.5), toHalf(-2))), t: tensor("bool", [2], Uint8Array.of(1, 0)), i: int64([1], [3000000000]) });
  assert.ok(h2!.data instanceof Uint16Array && f!.data instanceof Uint8Array && i2!.data instanceof BigInt64Array);
  assert.deepEqual(Array.from(h2!.data as Uint16Array, fromHalf), [3, -4]);
  assert.deepEqual([...f!.data], [0, 1]);
  assert.deepEqual([...i2!.data], [9000000000000000000n]);
  await session.close();
});

test("resident tensors are fed by name, exchanged by naming another table, and replaced", async () => {
  const session = await openSession({ bytes: linearModel(2) });
  placeTensors("sw", { weight: float32([2, 2], identity(2, 2)), bias: float32([2], [1, 1]) });
  placeTensors("tr", { weight: float32([2, 2], identity(2, 3)), bias: float32([2], [0, 0]) });
  const from = (table: string) => ({ w: { table, name: "weight" }, b: { table, name: "bias" } });
  const x = float32([1, 2], [1, 10]);
  const y = async (table: string) => [...(await session.run({ x }, { resident: from(table) })).y!.data];
  assert.deepEqual(await y("sw"), [3, 21]);
  assert.deepEqual(await y("tr"), [3, 30]);
  placeTensors("tr", { weight: float32([2, 2], identity(2, 4)), bias: float32([2], [0, 0]) });
  assert.deepEqual(await y("tr"), [4, 40]);
  dropTensors("tr");
  assert.match((await refusal(y("tr"))).message, /unknown table of resident tensors "tr"; known: sw/);
  assert.match((await refusal(session.run({ x }, { resident: { ...from("sw"), b: { table: "sw", name: "biass" } } }))).message, /did you mean "bias"/);
  assert.match((await refusal(session.run({ x }, { resident: { w: { table: "sw", name: "bias" }, b: { table: "sw", name: "bias" } } }))).message, /"w" is float32\[2\], expected float32\[2, 2\]/);
  await session.close();
});

test("exchanging 30 MB of resident weights costs a small part of copying them", async () => {
  const width = 354;
  const count = 60;
  const inputs = Array.from({ length: count }, (_, index) => `w${index}`);
  const info = (name: string) => ({ name, dtype: "float32" as const, shape: [width, width] });
  const { bytes } = writeOnnx(modelOf({
    nodes: [{ ...node("Max", [inputs[0]!, inputs[count - 1]!], ["y"]) }, ...inputs.slice(1, -1).map((name, index) => node("Shape", [name], [`s${index}`]))],
    inputs: inputs.map(info), outputs: [info("y")],
  }));
  const session = await openSession({ bytes });
  const table = (value: number) => Object.fromEntries(inputs.map((name) => [name, float32([width, width], new Float32Array(width * width).fill(value))]));
  const tables = { a: table(1), b: table(2) };
  placeTensors("a", tables.a);
  placeTensors("b", tables.b);
  const mapping = (key: string) => Object.fromEntries(inputs.map((name) => [name, { table: key, name }]));
  const mappings = { a: mapping("a"), b: mapping("b") };
  const timed = async (run: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await run();
    return performance.now() - begin;
  };
  const best = async (measure: () => Promise<number>): Promise<number> => {
    let least = Infinity;
    for (let round = 0; round < 5; round++) least = Math.min(least, await measure());
    return least;
  };
  const same = await best(async () => { await session.run({}, { resident: mappings.a }); return timed(() => session.run({}, { resident: mappings.a })); });
  const switched = await best(async () => { await session.run({}, { resident: mappings.a }); return timed(() => session.run({}, { resident: mappings.b })); });
  const copied = await best(() => timed(() => session.run(tables.b)));
  const { y } = await session.run({}, { resident: mappings.b });
  assert.equal(y!.data[0], 2);
  assert.ok(switched < 1.5 * same + 1, `switching ${switched} ms, not switching ${same} ms`);
  assert.ok(switched < 0.7 * copied, `switching ${switched} ms, copying ${copied} ms`);
  dropTensors("a");
  dropTensors("b");
  await session.close();
});

test("feeds are checked before the runtime sees them", async () => {
  const session = await openSession({ bytes: linearModel(2) }, { name: "linear" });
  const good = { x: float32([1, 2]), w: float32([2, 2]), b: float32([2]) };
  const cases: [Record<string, ReturnType<typeof float32> | ReturnType<typeof int64>>, RegExp][] = [
    [{ x: good.x }, /^linear: 2 of 3 inputs are missing: w, b — feed them/],
    [{ ...good, xx: good.x }, /unknown input of linear "xx"; known: b, w, x/],
    [{ ...good, x: int64([1, 2], [1, 2]) }, /"x" is int64\[1, 2\], expected float32\[n, 2\]/],
    [{ ...good, x: float32([2]) }, /"x" is float32\[2\], expected float32\[n, 2\]/],
    [{ ...good, x: float32([1, 3]) }, /"x" is float32\[1, 3\], expected float32\[n, 2\]/],
  ];
  for (const [feeds, expected] of cases) {
    const error = await refusal(session.run(feeds));
    assert.equal(error.kind, "graph");
    assert.match(error.message, expected);
  }
  assert.match((await refusal(session.run(good, { outputs: ["z"] }))).message, /unknown output of linear "z"; known: y/);
  assert.match((await refusal(session.run({ ...good, x: tensor("bfloat16", [1, 2], new Uint16Array(2)) }))).message, /bfloat16/);
  await session.close();
});

test("native failures are typed and name the session, the node and the feeds", async () => {
  const { bytes } = writeOnnx(modelOf({
    nodes: [{ ...node("Gather", ["table", "id"], ["row"]), name: "/embeddings" }],
    inputs: [{ name: "table", dtype: "float32", shape: [3, 1] }, { name: "id", dtype: "int64", shape: ["n"] }],
    outputs: [{ name: "row", dtype: "float32", shape: ["n", 1] }],
  }));
  const session = await openSession({ bytes }, { name: "embed" });
  const error = await refusal(session.run({ table: float32([3, 1]), id: int64([1], [3]) }));
  assert.equal(error.kind, "graph");
  assert.match(error.message, /^embed: the model fails on table float32\[3, 1\], id int64\[1\]: .*\/embeddings.*idx=3/);
  assert.doesNotMatch(error.message, /\.cc|\n/);
  assert.deepEqual([...(await session.run({ table: float32([3, 1], [1, 2, 3]), id: int64([1], [2]) })).row!.data], [3]);
  assert.equal((await refusal(openSession({ bytes: new Uint8Array([1, 2, 3]) }))).kind, "graph");
  assert.equal((await refusal(openSession({ path: join(folder, "missing.onnx") }))).kind, "io");
  await session.close();
});

test("an abort rejects at once, takes waiting runs back, and leaves the session usable", async () => {
  const session = await openSession({ bytes: slowModel(40) });
  const x = float32([400, 400]);
  const begin = performance.now();
  await session.run({ x });
  const whole = performance.now() - begin;
  const controller = new AbortController();
  const pending = Array.from({ length: 8 }, () => refusal(session.run({ x }, { signal: controller.signal })));
  controller.abort();
  const aborted = performance.now();
  const errors = await Promise.all(pending);
  assert.ok(performance.now() - aborted < Math.max(50, whole / 2));
  assert.ok(errors.every(({ kind }) => kind === "aborted"));
  const again = performance.now();
  assert.deepEqual([...(await session.run({ x: float32([1, 1], [1]) })).y!.data], [1]);
  assert.ok(performance.now() - again < 4 * whole, "the six runs that had not begun were taken back");
  assert.equal((await refusal(session.run({ x }, { signal: AbortSignal.abort() }))).kind, "aborted");
  await session.close();
});

test("this thread keeps ticking while a model runs", async () => {
  const session = await openSession({ bytes: slowModel(60) });
  const x = float32([500, 500]);
  let ticks = 0;
  const begin = performance.now();
  const timer = setInterval(() => ticks++, 2);
  await session.run({ x });
  clearInterval(timer);
  const elapsed = performance.now() - begin;
  assert.ok(ticks > elapsed / 40, `${ticks} ticks in ${elapsed} ms`);
  await session.close();
});

test("when the thread stops, what is pending is refused and later sessions get a fresh one", async () => {
  const session = await openSession({ bytes: slowModel(60) });
  placeTensors("lost", { w: float32([1]) });
  const pending = refusal(session.run({ x: float32([500, 500]) }));
  sharedHost().worker.postMessage(null);
  const error = await pending;
  assert.equal(error.kind, "device");
  assert.match(error.message, /stopped .* open the session again/);
  assert.equal((await refusal(session.run({ x: float32([1, 1]) }))).kind, "device");
  await session.close();
  const fresh = await openSession({ bytes: linearModel(1) });
  assert.deepEqual([...(await fresh.run({ x: float32([1, 1], [3]), w: float32([1, 1], [2]), b: float32([1], [1]) })).y!.data], [7]);
  assert.match((await refusal(fresh.run({ x: float32([1, 1]), w: float32([1, 1]) }, { resident: { b: { table: "lost", name: "w" } } }))).message, /unknown table/);
  await fresh.close();
});

test("an open session does not keep the process alive, and a pending run does", () => {
  writeFileSync(join(folder, "slow.onnx"), slowModel(20));
  const program = `
    const { openSession } = await import(${JSON.stringify(pathToFileURL("dist/runtime/index.js").href)});
    const session = await openSession({ path: ${JSON.stringify(join(folder, "slow.onnx"))} });
    session.run({ x: { dtype: "float32", dims: [200, 200], data: new Float32Array(40000) } }).then(() => console.log("done"));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 60_000 });
  assert.equal(output.trim(), "done");
});

test("process.exit in the middle of a run ends the process as it should", () => {
  writeFileSync(join(folder, "slow.onnx"), slowModel(40));
  const program = `
    const { openSession } = await import(${JSON.stringify(pathToFileURL("dist/runtime/index.js").href)});
    const session = await openSession({ path: ${JSON.stringify(join(folder, "slow.onnx"))} });
    const x = { dtype: "float32", dims: [400, 400], data: new Float32Array(160000) };
    for (let i = 0; i < 5; i++) session.run({ x });
    setTimeout(() => process.exit(0), 30);`;
  execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 60_000 });
});
