import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { checkGradient } from "#src/autodiff/index.js";
import { type Tensor, float32, int64 } from "#src/base/index.js";
import { readOnnxFile } from "#src/formats/index.js";
import { type Graph, GraphBuilder, type Value, canonicalise, graphFromModel, inferShapes, runPasses } from "#src/onnx/index.js";
import * as passes from "#src/onnx/passes/index.js";
import { open } from "./open.js";

const folder = "test/fixtures/backbones";
/** As exported means: decomposed as it was, only brought to the opset that rules read and write. */
const oldestOrNewest = /opset11|dynamo(18|23)/;
const forms: Readonly<Record<string, (graph: Graph) => Graph>> = {
  "as exported": (graph) => {
    runPasses(graph, [passes.inlineBranches, passes.constantNodes, passes.normalizeOpset]);
    inferShapes(graph);
    return graph;
  },
  canonical: canonicalise,
};

for (const name of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)) {
  for (const [form, prepare] of Object.entries(forms)) {
    if (form === "as exported" && !oldestOrNewest.test(name)) continue;
    test(`gradients through the whole of ${name}, ${form}`, async () => {
      const graph = prepare(graphFromModel(readOnnxFile(`${folder}/${name}/model.onnx`)));
      const moved = trainable(graph);
      assert.ok(moved.length >= 5, `only ${moved.length} weights found`);
      const states = withoutPadding(graph);
      const feeds = { ...readFeeds(name), ...Object.fromEntries(moved.map((value) => [value.name, float32(value.shape as number[])])) };
      const [error] = await checkGradient(open, graph, [{ output: states.name, wrt: moved.map((value) => value.name) }], feeds, { step: 1 / 256 });
      assert.ok(Number.isFinite(error!.analytic) && error!.analytic !== 0);
      assert.ok(error!.relative < 5e-3, `${error!.analytic} by the rules, ${error!.numeric} by differences`);
    });
  }
}

/** Adds an input of zeros to a few weights, from the first to the last of the graph, and returns these inputs. */
function trainable(graph: Graph): Value[] {
  const b = new GraphBuilder(graph, "moved/");
  const weights = graph.sortedNodes().flatMap(({ inputs }) => inputs).filter((value): value is Value => value?.tensor?.dtype === "float32" && value.tensor.data.length >= 8);
  const unique = [...new Set(weights)];
  const picked = unique.filter((_, index) => index % Math.ceil(unique.length / 8) === 0);
  return picked.map((weight) => {
    const readers = new Set(weight.users);
    const delta = b.input(`delta/${weight.name}`, "float32", weight.shape!);
    const sum = b.add(weight, delta);
    for (const { node, index } of [...weight.uses]) if (readers.has(node) && index >= 0) graph.setInput(node, index, sum);
    return delta;
  });
}

/**
 * The hidden states with zeros at padded positions. There, all scores of a row can be masked by −3.4e38, which swallows
 * them: differences then say that nothing moves, where the rules (and torch) differentiate the sum as it is written.
 */
function withoutPadding(graph: Graph): Value {
  const b = new GraphBuilder(graph, "states/");
  const mask = b.unsqueeze(b.cast(graph.value("attention_mask"), "float32"), [2]);
  return b.mul(graph.outputs[0]!, mask);
}

function readFeeds(name: string): Record<string, Tensor> {
  const { feeds } = JSON.parse(readFileSync(`${folder}/${name}/io.json`, "utf8")) as { feeds: Record<string, number[][]> };
  return Object.fromEntries(Object.entries(feeds).map(([key, rows]) => [key, int64([rows.length, rows[0]!.length], rows.flat())]));
}
