import assert from "node:assert/strict";
import { test } from "node:test";
import { checkGradient, gradient, unbroadcast } from "#src/autodiff/index.js";
import { ModlinguaError, float32, int64, randomStream, tensor } from "#src/base/index.js";
import { Graph, GraphBuilder, printGraph } from "#src/onnx/index.js";
import { open } from "./open.js";

function start(): { graph: Graph; b: GraphBuilder } {
  const graph = new Graph("test");
  return { graph, b: new GraphBuilder(graph) };
}

const refusal = (part: RegExp) => (error: unknown) => error instanceof ModlinguaError && error.kind === "graph" && part.test(error.message);
const operators = (graph: Graph): string[] => [...graph.nodes].map(({ op }) => op);
/** Without what only moves sizes about. */
const work = (names: readonly string[]): string[] => names.filter((name) => !["Shape", "Concat", "Expand", "Reshape"].includes(name));

function numbers(seed: string, dims: readonly number[]) {
  const stream = randomStream(3, seed);
  return float32(dims, Array.from({ length: dims.reduce((size, dim) => size * dim, 1) }, () => stream.normal() / 2));
}

test("a small encoder with two layers, tied weights and a shared embedding", async () => {
  const { graph, b } = start();
  const ids = b.input("ids", "int64", ["batch", "length"]);
  const table = b.input("table", "float32", [7, 4]);
  const weight = b.input("weight", "float32", [4, 4]);
  const bias = b.input("bias", "float32", [4]);
  const scale = b.input("scale", "float32", [4]);
  let hidden = b.gather(table, ids);
  for (let layer = 0; layer < 2; layer++) {
    const query = b.add(b.matMul(hidden, weight), bias);
    const scores = b.mul(b.matMul(query, b.transposeLast(hidden)), 0.5);
    const mixed = b.matMul(b.softmax(scores), b.op("Gelu", [query]));
    hidden = b.layerNorm(b.add(hidden, mixed), scale, bias, 1e-5);
  }
  const logits = b.matMul(hidden, b.transposeLast(table));
  const loss = b.mean(b.op("LogSoftmax", [logits], { axis: -1 }));
  const names = ["table", "weight", "bias", "scale"];
  const feeds = { ids: int64([2, 3], [0, 1, 2, 6, 1, 1]), ...Object.fromEntries(names.map((name) => [name, numbers(name, graph.value(name).shape as number[])])) };
  const [whole] = await checkGradient(open, graph, [{ output: loss.name, wrt: names }], feeds);
  assert.ok(whole!.relative < 1e-3, `relative error ${whole!.relative}`);
  for (const name of names) {
    const [error] = await checkGradient(open, graph, [{ output: logits.name, wrt: [name] }], feeds, { step: 1 / 64 });
    assert.ok(error!.relative < 1e-3, `${name}: relative error ${error!.relative}`);
  }
});

test("what is written for a frozen linear layer under a trained one", () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", ["batch", "length", 4]);
  const frozen = graph.addConstant("frozen", { inline: float32([4, 4]) });
  const weight = b.input("weight", "float32", [4, 2]);
  const hidden = b.relu(b.matMul(x, frozen));
  const loss = b.sum(b.matMul(hidden, weight));
  const before = graph.nodes.size;
  graph.outputs.push(...gradient(new GraphBuilder(graph, "gradient/"), loss, [weight]));
  assert.deepEqual(work(operators(graph).slice(before)), ["Gemm"], printGraph(graph));
});

test("frozen branches are never entered, nor anything below the lowest trained value", () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [2, 4]);
  const below = b.op("Det", [b.op("MatMul", [x, b.transposeLast(x)])]);
  below.shape = [];
  const beside = b.op("MaxPool", [b.reshape(x, [1, 1, 2, 4])], { kernel_shape: [1, 1] });
  beside.shape = [1, 1, 2, 4];
  const weight = b.input("weight", "float32", [4]);
  const loss = b.sum(b.mul(b.mul(weight, below), b.mul(weight, b.sum(beside))));
  const unused = b.op("Det", [b.op("MatMul", [b.reshape(weight, [4, 1]), b.reshape(weight, [1, 4])])]);
  const before = graph.nodes.size;
  gradient(b, loss, [weight]);
  const written = operators(graph).slice(before);
  assert.ok(!written.includes("MatMul") && !written.includes("Transpose") && !written.includes("Reshape"), written.join());
  assert.equal(unused.uses.size, 0);
});

test("a frozen right-hand weight costs one product, no copy of it and no weight gradient", () => {
  const { graph, b } = start();
  const delta = b.input("delta", "float32", ["batch", 4]);
  const loss = b.sum(b.matMul(delta, graph.addConstant("w", { inline: float32([4, 3]) })));
  const before = graph.nodes.size;
  gradient(b, loss, [delta]);
  assert.deepEqual(work(operators(graph).slice(before)), ["Gemm"]);
});

test("a value used often gets the sum of its cotangents, the loss itself its seed", async () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", []);
  const loss = b.mul(b.mul(x, x), b.add(x, x));
  graph.outputs.push(...gradient(b, loss, [x, loss, x]));
  const results = Object.values(await (await open(graph))({ x: float32([], [2]) }));
  assert.deepEqual(results.map(({ data }) => data[0]), [24, 1, 24]);
});

test("an intermediate value is differentiated as if it were an input", async () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [3]);
  const hidden = b.exp(x);
  const loss = b.sum(b.mul(hidden, hidden));
  const [dHidden, dx] = gradient(b, loss, [hidden, x]);
  graph.outputs.push(dHidden!, dx!);
  const results = await (await open(graph))({ x: float32([3], [0, 0, 0]) });
  assert.deepEqual([...results[dHidden!.name]!.data], [2, 2, 2]);
  assert.deepEqual([...results[dx!.name]!.data], [2, 2, 2]);
});

test("integers and conditions carry nothing, and mean a gradient of zero, not an error in between", () => {
  const { b } = start();
  const x = b.input("x", "float32", ["n"]);
  const rounded = b.cast(b.cast(x, "int64"), "float32");
  const loss = b.sum(b.mul(x, b.where(b.greater(x, 0), rounded, 1)));
  assert.equal(gradient(b, loss, [x]).length, 1);
});

test("where shapes do not decide, the broadcast axes are found at run time", async () => {
  const { graph, b } = start();
  const wide = b.input("wide", "float32", ["a", "b", "c"]);
  const narrow = b.input("narrow", "float32", ["d", "e"]);
  graph.outputs.push(unbroadcast(b, wide, narrow));
  const run = await open(graph);
  const ones = float32([2, 3, 4], Array(24).fill(1));
  const sums = async (dims: readonly number[]) => {
    const [sum] = Object.values(await run({ wide: ones, narrow: float32(dims) }));
    return [sum!.dims, [...new Set(sum!.data as Float32Array)]];
  };
  assert.deepEqual(await sums([3, 4]), [[3, 4], [2]]);
  assert.deepEqual(await sums([1, 4]), [[1, 4], [6]]);
  assert.deepEqual(await sums([3, 1]), [[3, 1], [8]]);
  assert.deepEqual(await sums([1, 1]), [[1, 1], [24]]);
});

test("symbolic dimensions decide without run-time shapes", () => {
  const { graph, b } = start();
  const wide = b.input("wide", "float32", ["batch", "length", 8]);
  for (const [shape, expected] of [[["batch", "length", 8], []], [[8], ["ReduceSum"]], [["length", 8], ["ReduceSum"]], [["batch", 1, 8], ["ReduceSum"]], [[1, 8], ["ReduceSum", "Squeeze"]], [[], ["ReduceSum"]]] as const) {
    const before = graph.nodes.size;
    unbroadcast(b, wide, b.input("narrow", "float32", shape));
    assert.deepEqual(operators(graph).slice(before), expected, `[${shape.join()}]`);
  }
});

test("many repeated rows are added up exactly, on several threads", async () => {
  const { graph, b } = start();
  const table = b.input("table", "float32", [5, 64]);
  const rows = b.gather(table, b.input("rows", "int64", ["n"]));
  const picked = b.op("GatherND", [table, b.input("places", "int64", ["n", 1])]);
  graph.outputs.push(...gradient(b, b.add(b.sum(rows), b.sum(picked)), [table]));
  const n = 4000;
  const positions = Array.from({ length: n }, (_, index) => (index * 7) % 5);
  const results = Object.values(await (await open(graph))({ table: float32([5, 64]), rows: int64([n], positions), places: int64([n, 1], positions) }));
  assert.deepEqual(new Set(results[0]!.data as Float32Array), new Set([1600]));
});

test("dropout passes on what its mask kept, scaled", async () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [64]);
  const kept = b.op("Dropout", [x, b.scalar(0.25), b.bool(true)]);
  const [dx] = gradient(b, b.sum(kept), [x]);
  graph.outputs.push(kept, dx!);
  const results = await (await open(graph))({ x: float32([64], Array(64).fill(1)) });
  assert.deepEqual(results[dx!.name]!.data, results[kept.name]!.data);
  assert.ok(results[dx!.name]!.data.includes(0 as never));
});

test("the gradient of a cross entropy makes no zeros for labels that were not picked", async () => {
  const { graph, b } = start();
  const logits = b.input("logits", "float32", ["words", 4]);
  const picked = b.op("GatherElements", [b.op("LogSoftmax", [logits], { axis: -1 }), b.input("labels", "int64", ["words", 1])], { axis: 1 });
  const [dLogits] = gradient(b, b.neg(b.sum(picked)), [logits]);
  graph.outputs.push(dLogits!);
  graph.prune();
  assert.ok(!operators(graph).includes("ConstantOfShape"), printGraph(graph));
  const results = await (await open(graph))({ logits: float32([2, 4]), labels: int64([2, 1], [1, 3]) });
  assert.deepEqual([...results[dLogits!.name]!.data], [0.25, -0.75, 0.25, 0.25, 0.25, 0.25, 0.25, -0.75]);
});

test("equal candidates share the gradient of a maximum", async () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [4]);
  const [dx] = gradient(b, b.op("ReduceMax", [x], { keepdims: 0 }), [x]);
  graph.outputs.push(dx!);
  const results = await (await open(graph))({ x: float32([4], [1, 3, 3, 2]) });
  assert.deepEqual([...results[dx!.name]!.data], [0, 0.5, 0.5, 0]);
});

test("refusals name the operator, the node, and what exists", () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [2, 2]);
  const ids = b.input("ids", "int64", [2]);
  const other = b.input("other", "float32", [2]);
  const determinant = b.op("Det", [x]);
  const before = graph.nodes.size;
  assert.throws(() => gradient(b, determinant, [x]), refusal(/node Det: operator Det has no gradient rule.*operators with a rule: Abs, Add.*Where/));
  assert.equal(graph.nodes.size, before, "nothing is written by a refusal");
  const foreign = b.op("Mul", [x, x], {}, "acme");
  foreign.dtype = "float32";
  assert.throws(() => gradient(b, b.sum(foreign), [x]), refusal(/operator acme\.Mul has no gradient rule/));
  assert.throws(() => gradient(b, x, [x]), refusal(/the loss "x" has the shape \[2, 2\].*reduce it to a scalar, or give the seed/));
  assert.throws(() => gradient(b, b.sum(x), [ids]), refusal(/"ids": it holds int64/));
  assert.throws(() => gradient(b, b.sum(x), [other]), refusal(/does not depend smoothly on "other".*unreached/));
  assert.throws(() => gradient(b, b.sum(b.op("Floor", [x])), [x]), refusal(/zero everywhere/));
  const transposed = b.op("FusedMatMul", [x, x], { transBatchA: 1 }, "com.microsoft");
  assert.throws(() => gradient(b, transposed, [x], { seed: x }), refusal(/FusedMatMul cannot be differentiated where it transposes batch axes/));
});

test("a value that the loss does not depend on can have zeros", async () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", [2]);
  const other = b.input("other", "float32", ["n", 3]);
  const [, zeros] = gradient(b, b.sum(x), [x, other], { unreached: "zeros" });
  graph.outputs.push(zeros!);
  const results = await (await open(graph))({ x: float32([2]), other: float32([1, 3], [1, 2, 3]) });
  assert.deepEqual(results[zeros!.name], float32([1, 3]));
});

test("a condition that a subgraph reads is refused rather than ignored", () => {
  const { graph, b } = start();
  const x = b.input("x", "float32", []);
  const chosen = b.op("If", [graph.addConstant("yes", { inline: tensor("bool", [], Uint8Array.of(1)) })]);
  chosen.dtype = "float32";
  graph.capture(chosen.producer!, x);
  assert.throws(() => gradient(b, b.mul(chosen, x), [x], { seed: x }), refusal(/operator If has no gradient rule/));
});
