import assert from "node:assert/strict";
import { test } from "node:test";
import { ModlinguaError, type Tensor, float32, int64, randomStream } from "#src/base/index.js";
import { type Attributes, Graph, GraphBuilder, type Pass, type Value, canonicalOrder, inferShapes, runPasses, verify } from "#src/onnx/index.js";
import * as passes from "#src/onnx/passes/index.js";
import { relativeError, runGraph } from "./support.js";

const random = randomStream(7, "passes");

function numbers(dims: readonly number[], scale = 1): Tensor {
  return float32(dims, Array.from({ length: dims.reduce((size, dim) => size * dim, 1) }, () => scale * random.normal()));
}

/** A graph under test: what it is fed with, which operators must be left (in any order), and how exact it must be. */
interface Case {
  readonly name: string;
  readonly opset?: number;
  readonly microsoft?: boolean;
  build(b: GraphBuilder): Value | readonly Value[];
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly left: readonly string[];
  readonly tolerance?: number;
}

/** Declares the inputs by their feeds, with the first dimension named (of "tokens" the second too), builds, and returns the graph. */
function graphOf({ opset = 20, microsoft = false, build, feeds }: Case): Graph {
  const graph = new Graph("case");
  graph.opset.set("", opset);
  if (microsoft) graph.opset.set("com.microsoft", 1);
  const b = new GraphBuilder(graph);
  for (const [name, tensor] of Object.entries(feeds)) graph.addInput(name, tensor.dtype, tensor.dims.map((dim, axis) => (axis === 0 ? "batch" : name === "tokens" && axis === 1 ? "sequence" : dim)));
  const outputs = [build(b)].flat() as Value[];
  outputs.forEach((value, index) => {
    const [dtype, shape] = [value.dtype, value.shape];
    graph.addNode("Identity", [value], [`result${index}`]);
    const result = graph.value(`result${index}`);
    [result.dtype, result.shape] = [dtype, shape];
    graph.outputs.push(result);
  });
  return graph;
}

const x = numbers([2, 3, 8]);
const input = (b: GraphBuilder, name = "x"): Value => b.graph.value(name);
const old = (b: GraphBuilder, op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value => b.op(op, inputs, attributes);
const microsoft = (b: GraphBuilder, op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value => b.op(op, inputs, attributes, "com.microsoft");

/** d / √(mean(d²) + ε), with the square, the root and the sides as one exporter or another writes them. */
function decomposedNorm(b: GraphBuilder, { square, inverse, scaleFirst }: { square: "Pow" | "Mul" | "twice"; inverse: "Div" | "Reciprocal" | "Pow"; scaleFirst: boolean }): Value {
  const centred = (): Value => b.sub(input(b), b.mean(input(b), [-1], true));
  const d = centred();
  const squared = square === "Pow" ? b.pow(d, 2) : square === "Mul" ? b.mul(d, d) : b.mul(centred(), centred());
  const variance = b.add(b.mean(squared, [2], true), 1e-5);
  const normal = inverse === "Div" ? b.div(d, b.sqrt(variance)) : b.mul(d, inverse === "Pow" ? b.pow(variance, -0.5) : b.op("Reciprocal", [b.sqrt(variance)]));
  const scale = b.constant(numbers([8]));
  return b.add(scaleFirst ? b.mul(scale, normal) : b.mul(normal, scale), b.constant(numbers([8])));
}

const erfGate = (b: GraphBuilder): Value => b.add(b.erf(b.div(input(b), Math.SQRT2)), 1);
const cube = (b: GraphBuilder): Value => b.mul(input(b), b.mul(input(b), input(b)));
const tanhGate = (b: GraphBuilder, third: Value): Value => b.add(1, b.tanh(b.mul(Math.sqrt(2 / Math.PI), b.add(input(b), b.mul(third, 0.044715)))));
/** √(2/π)·x·(1 + 0.044715 x²), another way to associate it. */
const factoredGate = (b: GraphBuilder): Value => b.add(b.tanh(b.mul(b.mul(input(b), Math.sqrt(2 / Math.PI)), b.add(1, b.mul(b.mul(input(b), 0.044715), input(b))))), 1);

const cases: Readonly<Record<string, readonly Case[]>> = {
  constantNodes: [
    { name: "every spelling", feeds: { x }, left: ["Add", "Add", "Mul", "Reshape", "Identity"], build: (b) => b.reshape(b.mul(b.add(b.add(input(b), old(b, "Constant", [], { value: numbers([8]) })),
      old(b, "Constant", [], { value_float: { float: 0.5 } })), old(b, "Constant", [], { value_floats: { floats: [1, 2, 3, 4, 5, 6, 7, 8] } })), old(b, "Constant", [], { value_ints: [0, 24] })) },
  ],
  inlineBranches: [{ name: "a condition on shapes", feeds: { x }, left: ["Add", "Identity", "Identity", "Neg"], build: (b) => branching(b) }],
  normalizeOpset: [
    { name: "Softmax of opset 11 flattens", opset: 11, feeds: { x }, left: ["Flatten", "Softmax", "Shape", "Reshape", "Identity"], build: (b) => old(b, "Softmax", [input(b)]) },
    { name: "LogSoftmax of opset 11 over the last axis", opset: 11, feeds: { x }, left: ["LogSoftmax", "Identity"], build: (b) => old(b, "LogSoftmax", [input(b)], { axis: 2 }) },
    { name: "Softmax of opset 13 over a middle axis stays", opset: 13, feeds: { x }, left: ["Softmax", "Identity"], build: (b) => old(b, "Softmax", [input(b)], { axis: 1 }) },
    { name: "axes as attributes", opset: 11, feeds: { x }, left: ["ReduceMean", "ReduceSum", "Squeeze", "Sub", "Unsqueeze", "Identity"], build: (b) =>
      b.sub(old(b, "ReduceMean", [input(b)], { axes: [1], keepdims: 0 }), old(b, "Squeeze", [old(b, "ReduceSum", [old(b, "Unsqueeze", [input(b)], { axes: [0] })], { axes: [2], keepdims: 1 })], { axes: [0, 2] })) },
    { name: "sizes of Split as an attribute", opset: 11, feeds: { x }, left: ["Split", "Identity", "Identity"], build: (b) => b.node("Split", [input(b)], 2, { axis: 2, split: [3, 5] }).outputs },
    { name: "equal parts of Split", opset: 13, feeds: { x }, left: ["Split", "Identity", "Identity"], build: (b) => b.node("Split", [input(b)], 2, { axis: 2 }).outputs },
    { name: "RMSNormalization", opset: 23, feeds: { x }, left: ["Mul", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Identity"], build: (b) => old(b, "RMSNormalization", [input(b), b.constant(numbers([8]))], { axis: -1, epsilon: { float: 1e-5 } }) },
    { name: "Attention over four axes, with a mask and a scale", opset: 23, feeds: { q: numbers([2, 2, 3, 4]), k: numbers([2, 2, 5, 4]), v: numbers([2, 2, 5, 4]), mask: numbers([2, 1, 3, 5]) },
      left: ["Mul", "Transpose", "Mul", "MatMul", "Add", "Softmax", "MatMul", "Identity"], build: (b) => old(b, "Attention", ["q", "k", "v", "mask"].map((name) => input(b, name)), { scale: { float: 0.3 } }) },
    { name: "Attention over three axes, capped", opset: 23, feeds: { q: x, k: numbers([2, 5, 8]), v: numbers([2, 5, 8]) },
      left: ["Reshape", "Transpose", "Mul", "Reshape", "Transpose", "Mul", "Reshape", "Transpose", "MatMul", "Div", "Tanh", "Mul", "Softmax", "MatMul", "Transpose", "Reshape", "Identity"],
      build: (b) => old(b, "Attention", ["q", "k", "v"].map((name) => input(b, name)), { q_num_heads: 2, kv_num_heads: 2, softcap: { float: 2 } }) },
    { name: "RotaryEmbedding", opset: 23, feeds: { x: numbers([2, 3, 5, 8]), positions: int64([2, 5], [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]) },
      left: ["Gather", "Gather", "Unsqueeze", "Unsqueeze", "Slice", "Slice", "Mul", "Mul", "Sub", "Mul", "Mul", "Add", "Concat", "Identity"],
      build: (b) => old(b, "RotaryEmbedding", [input(b), b.constant(numbers([9, 4])), b.constant(numbers([9, 4])), input(b, "positions")]) },
    { name: "RotaryEmbedding of a part, three axes", opset: 23, feeds: { x: numbers([2, 5, 16]), positions: int64([2, 5], [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]) },
      left: ["Reshape", "Transpose", "Gather", "Gather", "Unsqueeze", "Unsqueeze", "Slice", "Slice", "Slice", "Mul", "Mul", "Sub", "Mul", "Mul", "Add", "Concat", "Transpose", "Reshape", "Identity"],
      build: (b) => old(b, "RotaryEmbedding", [input(b), b.constant(numbers([9, 2])), b.constant(numbers([9, 2])), input(b, "positions")], { num_heads: 2, rotary_embedding_dim: 4 }) },
  ],
  expandFused: [
    { name: "FusedMatMul", microsoft: true, feeds: { x, y: numbers([2, 4, 8]) }, left: ["Transpose", "MatMul", "Mul", "Identity"], build: (b) => microsoft(b, "FusedMatMul", [input(b), input(b, "y")], { transB: 1, alpha: { float: 0.25 } }) },
    { name: "FusedMatMul with batch axes inside", microsoft: true, feeds: { x: numbers([3, 2, 8]), y: numbers([2, 8, 4]) }, left: ["Transpose", "MatMul", "Identity"], build: (b) => microsoft(b, "FusedMatMul", [input(b), input(b, "y")], { transBatchA: 1 }) },
    { name: "FusedMatMul, both sides and both kinds", microsoft: true, feeds: { x: numbers([8, 2, 3]), y: numbers([2, 4, 8]) }, left: ["Transpose", "Transpose", "MatMul", "Identity"], build: (b) => microsoft(b, "FusedMatMul", [input(b), input(b, "y")], { transA: 1, transBatchA: 1, transB: 1 }) },
    { name: "the family of Gelu", microsoft: true, feeds: { x }, left: ["Gelu", "Add", "Gelu", "Add", "Gelu", "Identity"], build: (b) => microsoft(b, "FastGelu", [microsoft(b, "BiasGelu", [microsoft(b, "Gelu", [input(b)]), b.constant(numbers([8]))]), b.constant(numbers([8]))]), tolerance: 2e-6 },
    { name: "QuickGelu", microsoft: true, feeds: { x }, left: ["Mul", "Sigmoid", "Mul", "Identity"], build: (b) => microsoft(b, "QuickGelu", [input(b)], { alpha: { float: 1.5 } }) },
    { name: "SkipLayerNormalization and its sum", microsoft: true, feeds: { x, y: numbers([2, 3, 8]) }, left: ["Add", "Add", "LayerNormalization", "Identity", "Identity"], build: (b) => {
      const node = b.node("SkipLayerNormalization", [input(b), input(b, "y"), b.constant(numbers([8])), b.constant(numbers([8])), b.constant(numbers([8]))], 4, { epsilon: { float: 1e-5 } }, "com.microsoft");
      return [node.output(0), node.output(3)];
    } },
    { name: "FusedGemm", microsoft: true, feeds: { x: numbers([3, 4]) }, left: ["Gemm", "Relu", "Identity"], build: (b) => microsoft(b, "FusedGemm", [input(b), b.constant(numbers([5, 4])), b.constant(numbers([5]))], { transB: 1, activation: "Relu" }) },
  ],
  eliminateIdentity: [
    { name: "what changes nothing goes", feeds: { x }, left: ["Neg", "Identity"], build: (b) => {
      const steps: readonly ((value: Value) => Value)[] = [
        (value) => b.op("Identity", [value]), (value) => b.op("Dropout", [value]), (value) => b.op("Cast", [value], { to: 1 }), (value) => b.reshape(value, [0, 3, 8]), (value) => b.neg(value),
        (value) => b.expand(value, b.ints([1, 3, 1])), (value) => b.op("Transpose", [value], { perm: [0, 1, 2] }), (value) => b.op("Concat", [value], { axis: 1 }), (value) => b.slice(value, 1, 0, 100),
        (value) => b.mul(value, 1), (value) => b.op("Where", [b.bool(false), b.scalar(1), value]),
      ];
      return steps.reduce((value, step) => step(value), input(b));
    } },
    { name: "what changes something stays", feeds: { x }, left: ["Slice", "Dropout", "Identity", "Mul", "Cast", "Cast"], build: (b) =>
      b.cast(b.cast(b.mul(b.op("Dropout", [b.slice(input(b), 1, -1, -100, -1), b.scalar(0), b.bool(true)]), b.floats([1, 1, 8], [2, 1, 1, 1, 1, 1, 1, 1])), "float64"), "float32") },
  ],
  simplifyShapes: [
    { name: "heads: the target computed from Shape", feeds: { x }, left: ["Reshape", "Identity"], build: (b) => b.reshape(input(b), b.concat([b.slice(b.shape(input(b)), 0, 0, 2), b.ints([2, -1])], 0)) },
    { name: "an open dimension that is not in its place", feeds: { x }, left: ["Reshape", "Identity"], build: (b) => b.reshape(input(b), b.concat([b.mul(b.slice(b.shape(input(b)), 0, 0, 1), b.ints([3])), b.ints([8])], 0)) },
    { name: "two such dimensions stay computed", feeds: { tokens: x }, left: ["Transpose", "Shape", "Slice", "Concat", "Reshape", "Identity"], build: (b) =>
      b.reshape(b.transpose(input(b, "tokens"), [1, 0, 2]), b.concat([b.slice(b.shape(input(b, "tokens")), 0, 0, 2), b.ints([2, 4])], 0)) },
    { name: "torch's idiom for Expand", feeds: { x: numbers([2, 1, 8]) }, left: ["Expand", "Identity"], build: (b) => {
      const wanted = b.concat([b.gather(b.shape(input(b)), b.ints([0])), b.ints([5, -1])], 0);
      const ones = b.op("ConstantOfShape", [b.shape(wanted)], { value: int64([1], [1]) });
      return b.expand(input(b), b.op("Where", [b.op("Equal", [wanted, b.op("Mul", [ones, b.int(-1)])]), ones, wanted]));
    } },
  ],
  foldConstants: [
    { name: "the scale of attention", feeds: { x }, left: ["Mul", "Identity"], build: (b) => b.mul(input(b), b.sqrt(b.div(b.floats([1], [1]), b.sqrt(b.cast(b.ints([6]), "float32"))))) },
    { name: "layout and choice", feeds: { x }, left: ["Add", "Identity"], build: (b) => {
      const row = b.gather(b.concat([b.floats([1, 8], [1, 2, 3, 4, 5, 6, 7, 8]), b.op("Expand", [b.scalar(2), b.ints([1, 8])])], 0), b.ints([1, 0]), 0);
      return b.add(input(b), b.reshape(b.op("Where", [b.op("Greater", [row, b.scalar(3)]), b.neg(row), b.op("ConstantOfShape", [b.ints([2, 8])], { value: float32([1], [9]) })]), [2, 1, 8]));
    } },
  ],
  fuseLayerNorm: (["Pow", "Mul", "twice"] as const).flatMap((square) => (["Div", "Reciprocal", "Pow"] as const).flatMap((inverse) => [true, false].map((scaleFirst) => (
    { name: `${square}, ${inverse}${scaleFirst ? ", scale first" : ""}`, feeds: { x }, left: ["LayerNormalization", "Identity"], build: (b: GraphBuilder) => decomposedNorm(b, { square, inverse, scaleFirst }) })))).concat([
    { name: "without scale and bias", feeds: { x }, left: ["LayerNormalization", "Identity"], build: (b) => {
      const d = b.sub(input(b), b.mean(input(b), [-1], true));
      return b.div(d, b.sqrt(b.add(1e-5, b.mean(b.pow(d, 2), [-1], true))));
    } },
    { name: "another axis is no layer normalisation", feeds: { x }, left: ["ReduceMean", "Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div", "Identity"], build: (b) => {
      const d = b.sub(input(b), b.mean(input(b), [1], true));
      return b.div(d, b.sqrt(b.add(b.mean(b.pow(d, 2), [1], true), 1e-5)));
    } },
  ]),
  fuseGelu: [
    { name: "x·g·½", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(b.mul(input(b), erfGate(b)), 0.5) },
    { name: "½·(x·g)", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(0.5, b.mul(input(b), erfGate(b))) },
    { name: "(x·½)·g", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(b.mul(input(b), 0.5), erfGate(b)) },
    { name: "x·(g·½)", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(input(b), b.mul(erfGate(b), 0.5)) },
    { name: "x·g/2 with x·√½ inside", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.div(b.mul(input(b), b.add(1, b.erf(b.mul(input(b), Math.SQRT1_2)))), 2) },
    { name: "x is a product itself", feeds: { x, y: numbers([2, 3, 8]) }, left: ["Mul", "Gelu", "Identity"], build: (b) => {
      const product = b.mul(input(b), input(b, "y"));
      return b.mul(b.mul(product, 0.5), b.add(b.erf(b.div(product, Math.SQRT2)), 1));
    } },
    { name: "a gated GELU", feeds: { x, y: numbers([2, 3, 8]) }, left: ["Gelu", "Mul", "Identity"], build: (b) => b.mul(b.mul(b.mul(input(b), erfGate(b)), 0.5), input(b, "y")) },
    { name: "tanh with x³ by Pow", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(b.mul(0.5, input(b)), tanhGate(b, b.pow(input(b), 3))) },
    { name: "tanh with x³ by products", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(b.mul(0.5, input(b)), tanhGate(b, cube(b))) },
    { name: "tanh, factored", feeds: { x }, left: ["Gelu", "Identity"], build: (b) => b.mul(b.mul(0.5, input(b)), factoredGate(b)) },
    { name: "another slope is no GELU", feeds: { x }, left: ["Mul", "Erf", "Add", "Mul", "Mul", "Identity"], build: (b) => b.mul(b.mul(input(b), b.add(1, b.erf(b.mul(input(b), 0.7)))), 0.5) },
  ],
  shareRepeated: [
    { name: "equal nodes and constants", feeds: { x }, left: ["Mul", "Mul", "Softmax", "Softmax", "Add", "Add", "Identity"], build: (b) => {
      const scaled = (): Value => b.op("Mul", [input(b), b.graph.addConstant(b.graph.freshName("half"), { inline: float32([], [0.5]) })]);
      const sum = b.add(b.softmax(scaled()), b.softmax(scaled()));
      return b.add(sum, b.softmax(b.op("Mul", [scaled(), b.graph.addConstant(b.graph.freshName("half"), { inline: float32([], [0.5]) })]), 1));
    } },
    { name: "equal parameters stay apart", feeds: { x }, left: ["Add", "Add", "Add", "Identity"], build: (b) => {
      const biased = (): Value => b.add(input(b), b.graph.addConstant(b.graph.freshName("bias"), { inline: float32([8]) }));
      return b.add(biased(), biased());
    } },
    { name: "random numbers are drawn twice", feeds: { x: numbers([2]) }, left: ["Dropout", "Dropout", "Sub", "Identity"], build: (b) => b.sub(b.op("Dropout", [input(b), b.scalar(0), b.bool(true)]), b.op("Dropout", [input(b), b.scalar(0), b.bool(true)])) },
  ],
  mergeTransposes: [
    { name: "keys by three reshapes", feeds: { x: numbers([2, 4, 3, 8]) }, left: ["Transpose", "Identity"], build: (b) => b.reshape(b.op("Transpose", [b.reshape(input(b), [-1, 3, 8])], { perm: [0, 2, 1] }), [-1, 4, 8, 3]) },
    { name: "two in a row", feeds: { x }, left: ["Transpose", "Identity"], build: (b) => b.op("Transpose", [b.op("Transpose", [input(b)], { perm: [1, 0, 2] })], { perm: [2, 1, 0] }) },
    { name: "there and back", feeds: { x }, left: ["Neg", "Identity"], build: (b) => b.neg(b.op("Transpose", [b.op("Transpose", [input(b)], { perm: [1, 2, 0] })], { perm: [2, 0, 1] })) },
    { name: "heads that really mix stay", feeds: { x: numbers([2, 4, 3, 8]) }, left: ["Reshape", "Transpose", "Reshape", "Identity"], build: (b) => b.reshape(b.op("Transpose", [b.reshape(input(b), [-1, 3, 8])], { perm: [0, 2, 1] }), [-1, 4, 3, 8]) },
  ],
  canonicalLinear: [
    { name: "the bias goes second", feeds: { x }, left: ["MatMul", "Add", "Mul", "Identity"], build: (b) => b.mul(2, b.add(b.constant(numbers([4])), b.matMul(input(b), b.constant(numbers([8, 4]))))) },
  ],
};

/** If(number of features = 8) then x + 1 else −x, and one whose condition is data, which stays. */
function branching(b: GraphBuilder): Value {
  const branch = (name: string, op: string, inputs: readonly string[]) => ({
    graph: { name, nodes: [{ op, domain: "", name, inputs: [...inputs], outputs: [`${name}.out`], attributes: [] }], initializers: [], inputs: [], outputs: [{ name: `${name}.out` }], valueInfo: [] },
  });
  b.graph.addConstant("one", { inline: float32([], [1]) });
  const condition = b.op("Equal", [b.gather(b.shape(input(b)), b.int(2)), b.int(8)]);
  const node = b.node("If", [condition], 1, { then_branch: branch("then", "Add", ["x", "one"]), else_branch: branch("else", "Neg", ["x"]) });
  for (const name of ["x", "one"]) b.graph.capture(node, b.graph.value(name));
  [node.output().dtype, node.output().shape] = ["float32", ["batch", 3, 8]];
  return b.neg(node.output());
}

const registry: Readonly<Record<string, Pass>> = passes;

test("every pass has a case", () => {
  assert.deepEqual(Object.keys(cases).sort(), Object.keys(registry).sort());
  for (const [name, pass] of Object.entries(registry)) assert.equal(pass.name, name);
});

/** The pass and those it requires, in their canonical order. */
function upTo(pass: Pass): Pass[] {
  const needed = new Set([pass.name]);
  for (const name of needed) for (const required of registry[name]!.requires) needed.add(required);
  return [...new Set(canonicalOrder)].filter(({ name }) => needed.has(name));
}

for (const [name, list] of Object.entries(cases)) {
  for (const one of list) {
    test(`${name}: ${one.name}`, async () => {
      const graph = graphOf(one);
      const expected = await runGraph(graph, one.feeds);
      runPasses(graph, upTo(registry[name]!));
      verify(graph);
      assert.deepEqual([...graph.nodes].map(({ op }) => op).sort(), [...one.left].sort());
      const actual = await runGraph(graph, one.feeds);
      for (const [output, tensor] of Object.entries(expected)) assert.ok(relativeError(actual[output]!, tensor) <= (one.tolerance ?? 1e-6), `${output}: ${relativeError(actual[output]!, tensor)}`);
    });
  }
}

function refusal(one: Omit<Case, "name" | "left">, pass: Pass): ModlinguaError {
  const graph = graphOf({ name: "", left: [], ...one });
  try {
    runPasses(graph, upTo(pass));
  } catch (error) {
    assert.ok(error instanceof ModlinguaError);
    assert.equal(error.kind, "graph");
    return error;
  }
  assert.fail("it was not refused");
}

test("opsets outside 11 to 23 are refused with the remedy", () => {
  for (const opset of [9, 10, 24]) {
    const { message } = refusal({ opset, feeds: { x }, build: (b) => b.neg(input(b)) }, passes.normalizeOpset);
    assert.match(message, new RegExp(`opset ${opset}, read are 11 to 23 — export it again`));
  }
});

test("what cannot be written with plain operators is refused by name and node", () => {
  assert.match(refusal({ microsoft: true, feeds: { x }, build: (b) => microsoft(b, "Attention", [input(b), b.constant(numbers([8, 24]))], { num_heads: 2 }) }, passes.expandFused).message,
    /node Attention: com\.microsoft\.Attention hides/);
  assert.match(refusal({ opset: 23, feeds: { x: numbers([2, 2, 3, 4]) }, build: (b) => old(b, "Attention", [input(b), input(b), input(b)], { is_causal: 1 }) }, passes.normalizeOpset).message, /Attention cannot be written .* causal/);
  assert.match(refusal({ opset: 23, feeds: { x: numbers([2, 2, 3, 4]), k: numbers([2, 1, 3, 4]) }, build: (b) => old(b, "Attention", [input(b), input(b, "k"), input(b, "k")]) }, passes.normalizeOpset).message, /2 query heads for 1 key heads/);
});

test("a pass before one it requires is refused", () => {
  assert.throws(() => runPasses(new Graph(), [passes.fuseGelu]), /pass fuseGelu requires constantNodes/);
});

test("a failing pass is named with those before it", () => {
  const broken: Pass = { name: "broken", does: "fails", requires: [], run(graph) {
    graph.addNode("Neg", [graph.addValue("nowhere")], ["y"]);
    graph.outputs.push(graph.value("y"));
    return 1;
  } };
  assert.throws(() => runPasses(new Graph("g"), [passes.constantNodes, broken]), /graph g, after constantNodes: pass broken: .*"nowhere" has no origin/);
});

test("verify finds broken links", () => {
  const make = (): Graph => {
    const graph = new Graph("g");
    const b = new GraphBuilder(graph);
    graph.outputs.push(b.neg(b.exp(graph.addInput("x", "float32", [2]))));
    inferShapes(graph);
    return graph;
  };
  verify(make());
  const breaks: readonly [RegExp, (graph: Graph) => void][] = [
    [/which does not know of it/, (graph) => graph.value("Exp").uses.clear()],
    [/which says so/, (graph) => graph.value("x").uses.add({ node: [...graph.nodes][1]!, index: 0 })],
    [/another producer/, (graph) => { graph.value("Exp").producer = [...graph.nodes][1]!; }],
    [/no opset/, (graph) => graph.opset.clear()],
  ];
  for (const [message, damage] of breaks) {
    const graph = make();
    damage(graph);
    assert.throws(() => verify(graph), message);
  }
});
