import assert from "node:assert/strict";
import { test } from "node:test";
import { float32, int64, tensor } from "#src/base/index.js";
import { Graph, GraphBuilder, canonicalise, printGraph, printNode } from "#src/onnx/index.js";
import { matchesSnapshot, readFixture } from "./support.js";

for (const name of ["bert-opset11", "modernbert-dynamo20-sdpa", "deberta-v2-opset17", "xlm-roberta-dynamo23-sdpa"]) {
  test(`${name}, canonical, prints as it did`, () => matchesSnapshot(name, printGraph(canonicalise(readFixture(name)))));
}

test("a graph prints inputs, constants, nodes and outputs", () => {
  const graph = new Graph("layer");
  const b = new GraphBuilder(graph);
  const x = graph.addInput("x", "float32", ["batch", "sequence", 8]);
  const weight = graph.addConstant("weight", { external: { file: "/models/encoder/model.onnx", offset: 1024, length: 256, dtype: "float32", dims: [8, 8] } });
  const bias = graph.addConstant("bias", { inline: float32([16]) });
  const [left, right] = b.split(b.op("Concat", [b.matMul(x, weight), b.reshape(x, [0, 0, 8])], { axis: -1 }), 2, [8, 8]);
  graph.outputs.push(b.add(b.op("Gelu", [left], { approximate: "tanh" }), right!), b.add(b.mul(b.concat([x, x], 2), 0.1), bias));
  assert.equal(printGraph(graph, { constants: true }), `graph layer(x: float32[batch, sequence, 8]) opset onnx 20
  constant weight: float32[8, 8] @model.onnx+1024
  constant bias: float32[16]
  constant constant: [0, 0, 8]
  constant constant_1: [8, 8]
  constant constant_3: 0.1
  MatMul: float32[batch, sequence, 8] = MatMul(x, weight: float32[8, 8] @model.onnx+1024)
  Reshape: float32[batch, sequence, 8] = Reshape(x, [0, 0, 8])
  Concat: float32[batch, sequence, 16] = Concat(MatMul, Reshape) {axis=-1}
  Split: float32[batch, sequence, 8], Split.1: float32[batch, sequence, 8] = Split(Concat, [8, 8]) {axis=2}
  Gelu: float32[batch, sequence, 8] = Gelu(Split) {approximate="tanh"}
  Add: float32[batch, sequence, 8] = Add(Gelu, Split.1)
  Concat_2: float32[batch, sequence, 16] = Concat(x, x) {axis=2}
  Mul: float32[batch, sequence, 16] = Mul(Concat_2, 0.1)
  Add_4: float32[batch, sequence, 16] = Add(Mul, bias: float32[16])
  return Add: float32[batch, sequence, 8], Add_4: float32[batch, sequence, 16]
`);
});

test("constants show their elements and, where the spelling does not tell it, their type", () => {
  const graph = new Graph();
  const constants = [float32([], [1]), float32([1, 2], [0.5, -3e-12]), int64([2], [0, -1]), tensor("bool", [1], Uint8Array.of(1)), tensor("int32", [2], Int32Array.of(1, 2))];
  const values = constants.map((inline, index) => graph.addConstant(`c${index}`, { inline }));
  assert.equal(printNode(graph.addNode("Mystery", [...values, undefined, values[0]], ["y"], { floats: { floats: [1, 2] }, names: ["a"], ints: [1, 2] }, "domain")),
    'y: ?[?] = domain.Mystery(1.0, [0.5, -3e-12]:[1, 2], [0, -1], [true], [1, 2]:int32, _, 1.0) {floats=[1.0, 2.0], ints=[1, 2], names=["a"]}');
});
