import { ModlinguaError } from "../base/index.js";
import type { Graph, Node, Value } from "../onnx/index.js";
import { type EncoderConfig, familyOf } from "./family.js";
import type { LinearSite, ResidualSite, Site } from "./site.js";

/** What the site finder reads off a canonical graph. */
export interface FoundSites {
  readonly sites: readonly Site[];
  /** The word embedding matrix, [vocabulary, width]. */
  readonly wordEmbeddings: string;
}

/**
 * Finds the sites of an encoder by the structure of its canonical graph: starting at the normalised
 * embeddings, each sub-block is the addition that reads the stream and something computed from it. A
 * sub-block with a softmax inside is attention, one without is the feed-forward part. Names of
 * initializers and nodes are never looked at, because exporters fold and rename them.
 * Throws where the number of layers found is not the one that config.json states.
 */
export function findSites(graph: Graph, config: EncoderConfig, file: string): FoundSites {
  const words = findWordEmbeddings(graph, config, file);
  const start = findEmbeddingOutput(graph, words.producerOutput, config, file);
  const blocks = walkSubBlocks(start, config);
  checkLayers(blocks, config, file);
  const sites: Site[] = [{ kind: "embedding", layer: -1, place: "embedding", width: config.hidden, output: start.name }];
  blocks.forEach((block, index) => {
    const layer = index >> 1;
    const site: ResidualSite = {
      kind: "residual", layer, place: block.attention ? "attentionOutput" : "ffnOutput", width: config.hidden,
      hidden: block.hidden.name, residual: block.stream.name, sum: block.sum.output().name, residualInput: block.sum.input(0) === block.stream ? 0 : 1,
      ...(block.normed === undefined ? {} : { normed: block.normed.name }),
    };
    sites.push(...findLinears(block, layer, config, file), site);
  });
  return { sites, wordEmbeddings: words.table.name };
}

/** One residual connection of the stream. */
interface SubBlock {
  readonly stream: Value;
  readonly hidden: Value;
  readonly sum: Node;
  readonly normed: Value | undefined;
  readonly attention: boolean;
  /** The nodes between the stream and the sub-block's result. */
  readonly inside: ReadonlySet<Node>;
}

function findWordEmbeddings(graph: Graph, config: EncoderConfig, file: string): { table: Value; producerOutput: Value } {
  const ids = graph.inputs.find(({ name }) => name === "input_ids") ?? graph.inputs.find(({ name }) => /ids$/.test(name));
  if (ids === undefined) throw notFound("an input called input_ids", `inputs are ${graph.inputs.map(({ name }) => name).join(", ")}`, file);
  for (const node of ids.users) {
    const table = node.op === "Gather" ? node.input(0) : undefined;
    if (table?.isConstant && table.shape?.length === 2) {
      if (table.shape[0] !== config.vocabulary) {
        throw new ModlinguaError("backbone", `the word embeddings have ${table.shape[0]} rows, but config.json says vocab_size ${config.vocabulary}`,
          { file, place: table.name, remedy: "take config.json and the model from the same revision" });
      }
      return { table, producerOutput: node.output() };
    }
  }
  throw notFound("a Gather of a [vocabulary, width] matrix by input_ids", `input_ids is read by ${ids.users.map(({ op }) => op).join(", ") || "nothing"}`, file);
}

/** The normalised embeddings: the first LayerNormalization after the word embeddings (and, in DeBERTa, the product with the mask behind it). */
function findEmbeddingOutput(graph: Graph, gathered: Value, config: EncoderConfig, file: string): Value {
  const after = dependents(gathered);
  const norm = graph.sortedNodes().find((node) => node.op === "LayerNormalization" && after.has(node.output()) && lastDim(node.output()) === config.hidden);
  if (norm === undefined) throw notFound("a LayerNormalization of the embeddings", `no norm of width ${config.hidden} depends on the word embeddings`, file);
  const output = norm.output();
  if (residualSum(output) !== undefined) return output;
  const masked = output.users.find((node) => node.op === "Mul" && lastDim(node.output()) === config.hidden);
  return masked !== undefined && residualSum(masked.output()) !== undefined ? masked.output() : output;
}

function walkSubBlocks(start: Value, config: EncoderConfig): SubBlock[] {
  const blocks: SubBlock[] = [];
  let stream = start;
  for (;;) {
    const sum = residualSum(stream);
    if (sum === undefined || blocks.length >= 4 * config.layers) return blocks;
    const hidden = sum.input(0) === stream ? sum.input(1) : sum.input(0);
    const inside = between(stream, hidden);
    const norm = familyOf(config.family).norm === "post" ? sum.output().users.find(({ op }) => op === "LayerNormalization") : undefined;
    blocks.push({ stream, hidden, sum, normed: norm?.output(), attention: [...inside].some(({ op }) => op === "Softmax"), inside });
    stream = norm?.output() ?? sum.output();
  }
}

/** The addition of `stream` and something computed from it, of the same width. */
function residualSum(stream: Value): Node | undefined {
  const adds = stream.users.filter((node) => node.op === "Add" && node.inputs.length === 2 && lastDim(node.output()) === lastDim(stream));
  if (adds.length === 0) return undefined;
  const after = dependents(stream);
  return adds.find((node) => {
    const other = node.input(0) === stream ? node.input(1) : node.input(0);
    return other !== stream && after.has(other);
  });
}

function checkLayers(blocks: readonly SubBlock[], config: EncoderConfig, file: string): void {
  const alternating = blocks.findIndex((block, index) => block.attention !== (index % 2 === 0));
  const whole = (alternating < 0 ? blocks.length : alternating) >> 1;
  if (alternating < 0 && blocks.length === 2 * config.layers) return;
  const last = blocks[2 * whole - 1]?.sum.name ?? "the embeddings";
  throw new ModlinguaError("backbone", `found ${whole} of ${config.layers} layers: the pattern "stream + attention(stream), stream + feed-forward(stream)" does not go on after ${last}`,
    { file, remedy: "export the plain encoder (feature extraction) without further fusions, and check num_hidden_layers in config.json" });
}

/** Every value that depends on `source`. */
function dependents(source: Value): Set<Value> {
  const found = new Set<Value>([source]);
  const stack = [source];
  while (stack.length > 0) {
    for (const node of stack.pop()!.users) for (const output of node.outputs) if (!found.has(output)) {
      found.add(output);
      stack.push(output);
    }
  }
  return found;
}

/** The nodes on the ways from `from` to `to`. */
function between(from: Value, to: Value): Set<Node> {
  const inside = new Set<Node>();
  const reaches = new Map<Value, boolean>([[from, true]]);
  const visit = (value: Value): boolean => {
    const known = reaches.get(value);
    if (known !== undefined) return known;
    reaches.set(value, false);
    const node = value.producer;
    if (node === undefined) return false;
    // every input is visited: the node belongs to the way if any of them leads to `from`
    const leads = node.inputs.map((input) => input !== undefined && visit(input)).some(Boolean);
    if (leads) inside.add(node);
    reaches.set(value, leads);
    for (const output of node.outputs) reaches.set(output, leads);
    return leads;
  };
  visit(to);
  return inside;
}

/** A projection by a constant matrix found inside a sub-block. */
interface Linear {
  readonly node: Node;
  readonly output: Value;
  readonly weight: Value;
  readonly transposed: boolean;
  readonly inWidth: number;
  readonly outWidth: number;
}

function findLinears(block: SubBlock, layer: number, config: EncoderConfig, file: string): LinearSite[] {
  const linears = [...block.inside].flatMap((node) => linearOf(node) ?? []);
  const named = block.attention ? nameAttention(block, linears) : nameFeedForward(block, linears);
  const expected = familyOf(config.family).linears.filter((place) => block.attention === attentionPlaces.has(place));
  const missing = expected.filter((place) => !named.has(place));
  if (missing.length > 0) throw notFound(`the projections ${missing.join(", ")} of layer ${layer}`, `its ${block.attention ? "attention" : "feed-forward part"} has ${linears.length} projections`, file);
  return [...named].map(([place, linear]): LinearSite => ({
    kind: "linear", layer, place, inWidth: linear.inWidth, outWidth: linear.outWidth, product: linear.node.output().name, output: linear.output.name,
    weight: linear.weight.name, transposed: linear.transposed,
  }));
}

const attentionPlaces: ReadonlySet<string> = new Set(["query", "key", "value", "qkv", "attentionOutput"]);

function linearOf(node: Node): Linear | undefined {
  if (node.op !== "MatMul" && node.op !== "Gemm") return undefined;
  const right = node.input(1);
  const turned = right.producer?.op === "Transpose" && right.producer.input(0).isConstant;
  const weight = turned ? right.producer!.input(0) : right;
  if (!weight.isConstant || weight.shape?.length !== 2) return undefined;
  const transposed = turned !== (node.op === "Gemm" && node.number("transB", 0) === 1);
  const [rows, columns] = weight.shape as readonly [number, number];
  return { node, output: withBias(node), weight, transposed, inWidth: transposed ? columns : rows, outWidth: transposed ? rows : columns };
}

function withBias(node: Node): Value {
  const output = node.output();
  const [user] = output.users;
  if (output.uses.size !== 1 || user?.op !== "Add") return output;
  const other = user.input(0) === output ? user.input(1) : user.input(0);
  return other.isConstant && other.shape?.length === 1 ? user.output() : output;
}

function nameAttention(block: SubBlock, linears: readonly Linear[]): Map<string, Linear> {
  const named = new Map<string, Linear>();
  const softmax = [...block.inside].find(({ op }) => op === "Softmax");
  const last = traceBack(block.hidden, linears, block.inside);
  if (softmax === undefined || last === undefined) return named;
  const scores = activationProduct(softmax.input(0), block);
  const context = forwardProduct(softmax.output(), block);
  const query = scores && traceBack(scores.input(0), linears, block.inside);
  const key = scores && traceBack(scores.input(1), linears, block.inside);
  const value = context && traceBack(context.input(1), linears, block.inside);
  if (query !== undefined && query === key && key === value) named.set("qkv", query);
  else for (const [place, linear] of [["query", query], ["key", key], ["value", value]] as const) if (linear !== undefined) named.set(place, linear);
  named.set("attentionOutput", last);
  return named;
}

function nameFeedForward(block: SubBlock, linears: readonly Linear[]): Map<string, Linear> {
  const last = traceBack(block.hidden, linears, block.inside);
  const first = last && traceBack(last.node.input(0), linears, block.inside);
  return new Map(first === undefined ? [] : [["intermediate", first], ["output", last!]]);
}

/** The nearest projection that `value` comes from, breadth first. */
function traceBack(value: Value, linears: readonly Linear[], inside: ReadonlySet<Node>): Linear | undefined {
  return searchBack(value, inside, (node) => linears.find((linear) => linear.node === node));
}

/** The product of two activations that `value` comes from, both of which depend on the stream (DeBERTa's positional products have one that does not). */
function activationProduct(value: Value, block: SubBlock): Node | undefined {
  const onWay = (input: Value): boolean => input === block.stream || (input.producer !== undefined && block.inside.has(input.producer));
  return searchBack(value, block.inside, (node) => (node.op === "MatMul" && onWay(node.input(0)) && onWay(node.input(1)) ? node : undefined));
}

function searchBack<T>(value: Value, inside: ReadonlySet<Node>, match: (node: Node) => T | undefined): T | undefined {
  const queue = [value];
  const seen = new Set<Value>(queue);
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at]!.producer;
    if (node === undefined || !inside.has(node)) continue;
    const found = match(node);
    if (found !== undefined) return found;
    for (const input of node.inputs) if (input !== undefined && !seen.has(input)) {
      seen.add(input);
      queue.push(input);
    }
  }
  return undefined;
}

/** The product with the values that reads the attention probabilities, perhaps behind a guard against rows without any. */
function forwardProduct(probabilities: Value, block: SubBlock): Node | undefined {
  for (const node of probabilities.users) {
    if (!block.inside.has(node)) continue;
    const found = node.op === "MatMul" ? node : forwardProduct(node.output(), block);
    if (found !== undefined) return found;
  }
  return undefined;
}

function lastDim(value: Value): number | string | undefined {
  return value.shape?.at(-1);
}

function notFound(what: string, found: string, file: string): ModlinguaError {
  return new ModlinguaError("backbone", `cannot find ${what}: ${found}`, { file, remedy: "give the ONNX export of one of the supported encoder families (bert, roberta, distilbert, modernbert, deberta)" });
}
