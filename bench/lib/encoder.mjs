// A random BERT-shaped encoder as one ONNX file, written without Python and without holding its weights in memory.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { randomStream } from "#src/base/index.js";
import { WireWriter } from "#src/formats/protobuf.js";
import { writeOnnx } from "#src/formats/index.js";
import { Graph, GraphBuilder, modelFromGraph } from "#src/onnx/index.js";

/** @typedef {{ hidden: number, layers: number, vocabulary: number }} Sizes */

const positions = 512;

/**
 * The folder of an encoder of these sizes; it is written there unless it exists. The graph is spelled as torch's
 * exporter spells it (opset 17, erf GELU decomposed, shapes by shape arithmetic), so that opening it does real work.
 * @param {string} cache
 * @param {Sizes} sizes
 */
export function encoderFolder(cache, sizes) {
  const folder = join(cache, `encoder-${sizes.hidden}x${sizes.layers}x${sizes.vocabulary}`);
  if (existsSync(join(folder, "model.onnx"))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(configOf(sizes)));
  const { graph, weights } = encoderGraph(sizes);
  writeModel(join(folder, "model.onnx"), graph, weights);
  return folder;
}

const configOf = ({ hidden, layers, vocabulary }) => ({
  model_type: "bert", hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: headsOf(hidden), intermediate_size: 4 * hidden,
  vocab_size: vocabulary, max_position_embeddings: positions, pad_token_id: 1, layer_norm_eps: 1e-12, hidden_act: "gelu",
});

const headsOf = (hidden) => Math.max(1, hidden / 64);

/** The graph, in which every weight is a constant whose bytes are still to be made. */
function encoderGraph({ hidden, layers, vocabulary }) {
  const graph = new Graph("main_graph");
  graph.opset.set("", 17);
  const b = new GraphBuilder(graph);
  const weights = new Map();
  const weight = (name, dims, scale) => {
    const length = 4 * dims.reduce((size, dim) => size * dim, 1);
    weights.set(name, { dims, scale });
    return graph.addConstant(name, { external: { file: "/", offset: 0, length, dtype: "float32", dims } });
  };
  const linear = (x, name, from, to) => b.add(b.matMul(x, weight(`${name}.weight`, [from, to], 1 / Math.sqrt(from))), weight(`${name}.bias`, [to], 0.05));
  const norm = (x, name) => b.layerNorm(x, weight(`${name}.weight`, [hidden], "ones"), weight(`${name}.bias`, [hidden], 0.05), 1e-12);

  const ids = graph.addInput("input_ids", "int64", ["batch", "sequence"]);
  const mask = graph.addInput("attention_mask", "int64", ["batch", "sequence"]);
  const bias = b.mul(b.sub(1, b.cast(b.unsqueeze(mask, [1, 2]), "float32")), -3.4028234663852886e38);
  const length = b.op("Slice", [b.shape(ids), b.ints([1]), b.ints([2])]);
  const places = b.op("Slice", [b.constant({ dtype: "int64", dims: [positions], data: BigInt64Array.from({ length: positions }, (_, i) => BigInt(i)) }), b.ints([0]), length]);
  const embedded = b.add(b.gather(weight("embeddings.word", [vocabulary, hidden], 0.05), ids), b.gather(weight("embeddings.position", [positions, hidden], 0.05), places));
  let stream = norm(embedded, "embeddings.norm");
  for (let layer = 0; layer < layers; layer++) stream = encoderLayer(b, stream, `layer.${layer}`, hidden, bias, linear, norm);
  graph.outputs.push(b.graph.addNode("Identity", [stream], ["last_hidden_state"]).output());
  graph.outputs[0].dtype = "float32";
  graph.outputs[0].shape = ["batch", "sequence", hidden];
  return { graph, weights };
}

function encoderLayer(b, x, name, hidden, bias, linear, norm) {
  const heads = headsOf(hidden);
  const size = hidden / heads;
  const apart = (value, perm) => b.transpose(b.reshape(value, [0, 0, heads, size]), perm);
  const query = apart(linear(x, `${name}.query`, hidden, hidden), [0, 2, 1, 3]);
  const key = apart(linear(x, `${name}.key`, hidden, hidden), [0, 2, 3, 1]);
  const value = apart(linear(x, `${name}.value`, hidden, hidden), [0, 2, 1, 3]);
  const weights = b.softmax(b.add(b.div(b.matMul(query, key), Math.sqrt(size)), bias));
  const context = b.reshape(b.transpose(b.matMul(weights, value), [0, 2, 1, 3]), [0, 0, hidden]);
  const attended = norm(b.add(linear(context, `${name}.attention`, hidden, hidden), x), `${name}.attention.norm`);
  const inner = linear(attended, `${name}.intermediate`, hidden, 4 * hidden);
  const gelu = b.mul(b.mul(inner, b.add(b.erf(b.div(inner, Math.SQRT2)), 1)), 0.5);
  return norm(b.add(linear(gelu, `${name}.output`, 4 * hidden, hidden), attended), `${name}.output.norm`);
}

/** Writes the model as its exporter would: weights inline, in one file. The graph message is put together by hand, since its weights are larger than memory should be. */
function writeModel(file, graph, weights) {
  const model = modelFromGraph(graph);
  const small = writeOnnx({ ...model, graph: { ...model.graph, initializers: model.graph.initializers.filter(({ name }) => !weights.has(name)) } }).bytes;
  const field = graphField(small);
  const headers = [...weights].map(([name, weight]) => ({ weight, header: tensorHeader(name, weight.dims) }));
  const total = field.end - field.start + headers.reduce((sum, { header, weight }) => sum + header.length + bytesOf(weight.dims), 0);
  const out = openSync(`${file}.part`, "w");
  try {
    writeSync(out, small.subarray(0, field.key));
    writeSync(out, Uint8Array.of(7 << 3 | 2, ...varint(total)));
    writeSync(out, small.subarray(field.start, field.end));
    for (const { header, weight } of headers) {
      writeSync(out, header);
      writeWeight(out, weight);
    }
    writeSync(out, small.subarray(field.end));
  } finally {
    closeSync(out);
  }
  renameSync(`${file}.part`, file);
}

const bytesOf = (dims) => 4 * dims.reduce((size, dim) => size * dim, 1);

/** Where field 7 (the graph) of a ModelProto lies: its key, its first byte and its end. */
function graphField(bytes) {
  let at = 0;
  const read = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  for (;;) {
    const key = at;
    const tag = read();
    const length = read();
    if (tag === (7 << 3 | 2)) return { key, start: at, end: at + length };
    if ((tag & 7) === 2) at += length;
  }
}

/** Key and length of an initializer in a GraphProto, and everything in it up to the bytes of its weights. */
function tensorHeader(name, dims) {
  const wire = new WireWriter();
  wire.packedInts(1, dims);
  wire.int(2, 1);
  wire.text(8, name);
  const inside = [...wire.finish(), 9 << 3 | 2, ...varint(bytesOf(dims))];
  return Uint8Array.from([5 << 3 | 2, ...varint(inside.length + bytesOf(dims)), ...inside]);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}

/** Normal numbers, drawn once and written again and again (their count is prime, so that no two rows are equal): speed does not depend on them. */
const numbers = (() => {
  const random = randomStream(1, "bench", "weights");
  return Float32Array.from({ length: 65521 }, () => random.normal());
})();

function writeWeight(out, { dims, scale }) {
  const chunk = scale === "ones" ? new Float32Array(numbers.length).fill(1) : numbers.map((value) => value * scale);
  for (let left = bytesOf(dims); left > 0; left -= chunk.byteLength) writeSync(out, new Uint8Array(chunk.buffer, 0, Math.min(left, chunk.byteLength)));
}
