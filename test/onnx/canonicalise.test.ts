import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Dim } from "#src/base/index.js";
import { readOnnxFile } from "#src/formats/index.js";
import { type Graph, type Value, canonicalOrder, canonicalise, graphFromModel, inferShapes, runPasses, verify } from "#src/onnx/index.js";
import { feedsOf, fixtures, readFixture, relativeError, runGraph } from "./support.js";

const operatorsGone = ["Constant", "Identity", "Dropout", "If", "Erf", "Pow", "Sqrt", "ReduceMean", "Reciprocal", "Tanh", "Attention", "RMSNormalization", "RotaryEmbedding"];

function count(graph: Graph, op: string): number {
  return [...graph.nodes].filter((node) => node.op === op).length;
}

for (const name of fixtures) {
  test(`${name}: the canonical graph computes the same outputs`, async () => {
    const graph = readFixture(name);
    const feeds = feedsOf(name);
    const expected = await runGraph(graph, feeds);
    const actual = await runGraph(canonicalise(graph), feeds);
    assert.deepEqual(Object.keys(actual), Object.keys(expected));
    for (const [output, tensor] of Object.entries(expected)) {
      const error = relativeError(actual[output]!, tensor);
      // Fused normalisations and GELUs round in another order: a few units in the last place over three layers.
      assert.ok(error <= 2e-6, `${output} differs by ${error}`);
    }
  });

  test(`${name}: links are whole after every pass, and shapes stay what they were`, () => {
    const graph = readFixture(name);
    inferShapes(graph);
    const known = new Map([...graph.nodes].flatMap(({ outputs }) => outputs.filter(isNamed).map((value) => [value.name, value.shape] as const)));
    canonicalOrder.forEach((pass, index) => {
      pass.run(graph);
      graph.prune();
      verify(graph);
      inferShapes(graph);
      for (const node of graph.nodes) {
        for (const value of node.outputs) {
          if (known.get(value.name) !== undefined) assert.deepEqual(value.shape, known.get(value.name), `${value.name} after ${pass.name} (pass ${index})`);
        }
      }
    });
  });

  test(`${name}: the canonical graph is written in one way, and is a fixed point`, () => {
    const original = readFixture(name);
    const nodes = original.nodes.size;
    const graph = canonicalise(original);
    assert.equal(original.nodes.size, nodes, "the input graph was touched");
    assert.deepEqual([...graph.opset], [["", 20]]);
    assert.deepEqual(operatorsGone.filter((op) => count(graph, op) > 0), []);
    for (const node of graph.nodes) {
      assert.equal(node.domain, "");
      for (const value of node.outputs) assert.ok(value.shape !== undefined && value.dtype !== undefined, `nothing is known of ${value.name}`);
      if (node.op === "Softmax") assert.equal(node.number("axis", 0), -1);
      if (node.op === "Add" || node.op === "Mul") assert.ok(!node.input(0).isConstant, `${node.name} has its constant first`);
    }
    const again = runPasses(graph, canonicalOrder);
    assert.deepEqual([...again].filter(([, changes]) => changes > 0), []);
  });
}

/** Whether every dimension has a size or a name of the model's own; inference makes up "value.axis" where only a run can tell. */
function isNamed({ shape }: Value): boolean {
  return shape?.every((dim) => typeof dim === "number" || !/\.\d/.test(dim)) ?? false;
}

/** Layers of the tiny encoders. */
const layers = 3;

test("every exporter of a family gives the same operators on the path of the activations", () => {
  for (const family of new Set(fixtures.map((name) => name.replace(/-(opset|dynamo).*/, "")))) {
    const members = fixtures.filter((name) => name.startsWith(`${family}-`) && !name.endsWith("-mlm"));
    const counts = members.map((name) => {
      const graph = canonicalise(readFixture(name));
      assert.equal(count(graph, "Softmax"), layers);
      assert.equal(count(graph, "Gelu"), layers);
      return `${count(graph, "LayerNormalization")} LayerNormalization, ${count(graph, "MatMul")} MatMul`;
    });
    assert.equal(new Set(counts).size, 1, `${family}: ${members.map((name, index) => `${name} ${counts[index]}`).join("; ")}`);
  }
});

/** Other ways in which exporters declare the inputs of the same model. */
const declarations: Readonly<Record<string, (input: number, axis: number, size: number) => Dim>> = {
  "names of their own": (input, axis) => `input_${input}_dynamic_axes_${axis + 1}`,
  "unnamed dimensions": (input, axis) => `?${2 * input + axis}`,
  "fixed sizes": (_, __, size) => size,
};

for (const [how, dim] of Object.entries(declarations)) {
  test(`inputs declared with ${how}`, async () => {
    for (const name of ["bert-opset11", "deberta-v2-opset14", "distilbert-opset17", "modernbert-opset17-sdpa", "xlm-roberta-dynamo20-sdpa"]) {
      const graph = readFixture(name);
      const feeds = feedsOf(name);
      graph.inputs.forEach((value, input) => (value.shape = feeds[value.name]!.dims.map((size, axis) => dim(input, axis, size))));
      const [expected, actual] = [await runGraph(readFixture(name), feeds), await runGraph(canonicalise(graph), feeds)];
      for (const [output, tensor] of Object.entries(expected)) assert.ok(relativeError(actual[output]!, tensor) <= 2e-6, `${name} ${output}`);
    }
  });
}

test("graphs that onnxruntime has optimised become canonical again", async () => {
  const require = createRequire(import.meta.url);
  const { InferenceSession } = require("onnxruntime-node") as { InferenceSession: { create(path: string, options: object): Promise<{ release(): Promise<void> }> } };
  const folder = mkdtempSync(join(tmpdir(), "optimised-"));
  try {
    for (const name of ["bert-opset14-mlm", "distilbert-opset17-sdpa", "modernbert-dynamo20-sdpa", "xlm-roberta-opset14"]) {
      const optimizedModelFilePath = join(folder, `${name}.onnx`);
      await (await InferenceSession.create(`test/fixtures/backbones/${name}/model.onnx`, { optimizedModelFilePath, graphOptimizationLevel: "extended" })).release();
      const graph = graphFromModel(readOnnxFile(optimizedModelFilePath));
      assert.ok([...graph.nodes].some(({ domain }) => domain === "com.microsoft"), `${name}: nothing was fused`);
      const canonical = canonicalise(graph);
      assert.deepEqual([...canonical.nodes].filter(({ domain }) => domain !== "").map(({ op }) => op), []);
      assert.equal(count(canonical, "LayerNormalization"), count(canonicalise(readFixture(name)), "LayerNormalization"));
      const feeds = feedsOf(name);
      const [expected, actual] = [await runGraph(readFixture(name), feeds), await runGraph(canonical, feeds)];
      for (const [output, tensor] of Object.entries(expected)) assert.ok(relativeError(actual[output]!, tensor) <= 2e-6, `${name} ${output}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const parity = "../shared/reference/parity/backbones";

test("the exports of the parity set become canonical too", { skip: existsSync(parity) ? false : `${parity} is not here` }, () => {
  for (const family of ["bert", "distilbert", "roberta", "xlm-roberta"]) {
    for (const file of ["model", "model_opset17", "model_dynamo", "model_mlm"]) {
      const graph = canonicalise(graphFromModel(readOnnxFile(`${parity}/${family}/onnx/${file}.onnx`)));
      assert.equal(count(graph, "Softmax"), 4);
      assert.deepEqual(operatorsGone.filter((op) => count(graph, op) > 0), []);
    }
  }
});
