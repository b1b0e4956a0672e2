import assert from "node:assert/strict";
import { test } from "node:test";
import { type EncoderConfig, findSites, readConfig, siteName } from "#src/backbone/index.js";
import { type Graph, canonicalise, graphFromModel } from "#src/onnx/index.js";
import { readOnnxFile } from "#src/formats/index.js";
import { fixtures, openTiny, readJson, tinyNames } from "../model/tiny.js";

/** The sites of one layer, in the order in which a sentence passes them. */
const separate = ["linear query", "linear key", "linear value", "linear attentionOutput", "residual attentionOutput", "linear intermediate", "linear output", "residual ffnOutput"];
const fused = ["linear qkv", "linear attentionOutput", "residual attentionOutput", "linear intermediate", "linear output", "residual ffnOutput"];
const ofLayer: Readonly<Record<string, readonly string[]>> = { bert: separate, roberta: separate, distilbert: separate, deberta: separate, modernbert: fused };

for (const name of tinyNames()) {
  test(`${name}: every site of every layer, by structure alone`, () => {
    const { config, sites, graph, wordEmbeddings } = openTiny(name);
    const expected = ["embedding · embedding"];
    for (let layer = 0; layer < config.layers; layer++) {
      for (const site of ofLayer[config.family]!) expected.push(site.replace(" ", ` · ${layer} · `));
    }
    assert.deepEqual(sites.map(siteName).sort(), expected.sort());
    assert.deepEqual(graph.value(wordEmbeddings).shape, [config.vocabulary, config.hidden]);
    for (const site of sites) {
      const names = site.kind === "residual" ? [site.hidden, site.residual, site.sum, ...(site.normed === undefined ? [] : [site.normed])] : site.kind === "linear" ? [site.product, site.output, site.weight] : [site.output];
      for (const value of names) assert.ok(graph.has(value), `${siteName(site)} names ${value}`);
      if (site.kind === "linear") assert.deepEqual(graph.value(site.weight).shape, site.transposed ? [site.outWidth, site.inWidth] : [site.inWidth, site.outWidth]);
    }
  });
}

test("sites do not depend on what exporters call things", () => {
  const config = configOf("bert-opset17");
  const model = readOnnxFile(`${fixtures}/bert-opset17/model.onnx`);
  const names = new Map([...model.graph.initializers.map(({ name }) => name), ...model.graph.nodes.flatMap(({ outputs }) => outputs)].map((name, index) => [name, `x${index}`]));
  const renamed = (name: string): string => names.get(name) ?? name;
  const anonymous = graphFromModel({ ...model, graph: {
    ...model.graph, valueInfo: [],
    initializers: model.graph.initializers.map((entry) => ({ ...entry, name: renamed(entry.name) })),
    nodes: model.graph.nodes.map((node) => ({ ...node, name: "", inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) })),
    outputs: model.graph.outputs.map((output) => ({ ...output, name: renamed(output.name) })),
  } });
  const before = findSites(canonicalGraph("bert-opset17"), config, "m").sites.map(siteName);
  assert.deepEqual(findSites(canonicalise(anonymous), config, "m").sites.map(siteName), before);
});

test("a model that lost a layer says how many of how many were found", () => {
  const config = configOf("bert-opset17");
  assert.throws(() => findSites(canonicalGraph("bert-opset17"), { ...config, layers: config.layers + 1 }, "cut.onnx"),
    /cut\.onnx: found 3 of 4 layers: the pattern "stream \+ attention\(stream\), stream \+ feed-forward\(stream\)" does not go on after .+ — export the plain encoder/);
});

test("a graph whose second layer is cut out is refused, not read as a smaller one", () => {
  const graph = canonicalGraph("bert-opset17");
  const config = configOf("bert-opset17");
  const { sites } = findSites(graph, config, "m");
  const ends = sites.filter((site) => site.kind === "residual").map((site) => site.normed!);
  graph.replaceUses(graph.value(ends[3]!), graph.value(ends[1]!));
  graph.prune();
  assert.throws(() => findSites(graph, config, "cut.onnx"), /found 2 of 3 layers/);
});

test("a feed-forward part without its projection is refused by name", () => {
  const graph = canonicalGraph("bert-opset17");
  const config = configOf("bert-opset17");
  const first = findSites(graph, config, "m").sites.find((site) => site.kind === "linear" && site.layer === 1 && site.place === "intermediate")!;
  if (first.kind !== "linear") throw new Error("not a projection");
  const product = graph.value(first.product).producer!;
  // an activation where a constant matrix stood: the projection is none any more
  const dynamic = graph.addNode("Identity", [product.input(1)], ["dynamic"]).output();
  graph.setInput(product, 1, dynamic);
  assert.throws(() => findSites(graph, config, "odd.onnx"), /odd\.onnx: .*the projections intermediate/);
});

test("a vocabulary of another size is refused with both numbers", () => {
  const config = configOf("bert-opset17");
  assert.throws(() => findSites(canonicalGraph("bert-opset17"), { ...config, vocabulary: 99 }, "m.onnx"), /m\.onnx, .*: the word embeddings have 120 rows, but config\.json says vocab_size 99 — take config\.json and the model from the same revision/);
});

test("an unknown model_type is refused with the known ones and the nearest", () => {
  assert.throws(() => readConfig({ model_type: "xlm-robertta" }, "c.json"), /c\.json: unknown model_type "xlm-robertta"; known: bert, .*xlm-roberta.* did you mean "xlm-roberta"\?/);
  assert.throws(() => readConfig({ model_type: "t5" }, "c.json"), /unknown model_type "t5"/);
  assert.throws(() => readConfig([], "c.json"), /c\.json: config\.json must hold a JSON object/);
  assert.throws(() => readConfig({ model_type: "bert", num_hidden_layers: "12" }, "c.json"), /c\.json, num_hidden_layers: needs a whole number, got "12"/);
});

test("RoBERTa's two unused positions are not promised", () => {
  assert.equal(configOf("xlm-roberta-opset17").maxLength, (readJson<{ max_position_embeddings: number }>(`${fixtures}/xlm-roberta-opset17/config.json`)).max_position_embeddings - 2);
});

function canonicalGraph(name: string): Graph {
  return canonicalise(graphFromModel(readOnnxFile(`${fixtures}/${name}/model.onnx`)));
}

function configOf(name: string): EncoderConfig {
  return readConfig(readJson(`${fixtures}/${name}/config.json`), "config.json");
}
