import { type Tensor, float32, randomStream } from "../base/index.js";
import { type Graph, GraphBuilder, type Value } from "../onnx/index.js";
import { gradient } from "./gradient.js";

export type Tensors = Readonly<Record<string, Tensor>>;

/** Opens a graph and answers how to run it: feeds in, the graph's outputs by name out. */
export type OpenGraph = (graph: Graph) => Promise<(feeds: Tensors) => Promise<Tensors>>;

/** A function to check: a float32 output and the graph inputs to differentiate it by. */
export interface Probe {
  readonly output: string;
  readonly wrt: readonly string[];
}

/** What was found for a probe: v·J·u by the gradient graph and by differences, and their distance relative to ‖v·J‖. */
export interface GradientError {
  readonly probe: Probe;
  readonly analytic: number;
  readonly numeric: number;
  readonly relative: number;
}

export interface CheckOptions {
  readonly seed?: number;
  /** The larger of the two steps of the difference quotient. Default 1/32. */
  readonly step?: number;
}

/**
 * Compares, for random cotangents v and random directions u, the product v·J·u that `gradient` gives with a
 * central difference of v·f along u, improved once by Richardson's extrapolation (error of order step⁴).
 * All probes share the runs, so that many operators cost two sessions and six runs. `graph` is not changed.
 */
export async function checkGradient(open: OpenGraph, graph: Graph, probes: readonly Probe[], feeds: Tensors, options: CheckOptions = {}): Promise<GradientError[]> {
  const { seed = 0, step = 1 / 32 } = options;
  const forward = await open(forwardGraph(graph, probes));
  const outputs = await forward(feeds);
  const cotangents = Object.fromEntries(probes.map(({ output }) => [output, normal(outputs[output]!.dims, seed, "v", output)]));
  const directions = Object.fromEntries(probes.flatMap(({ wrt }) => wrt.map((name) => [name, normal(feeds[name]!.dims, seed, "u", name)])));
  const gradients = await projectedGradients(open, graph, probes, feeds, cotangents);
  const coarse = await quotients(forward, probes, feeds, cotangents, directions, step);
  const fine = await quotients(forward, probes, feeds, cotangents, directions, step / 2);
  return probes.map((probe, index) => {
    const parts = probe.wrt.map((name, part) => ({ gradient: gradients[index]![part]!, direction: directions[name]! }));
    const analytic = parts.reduce((sum, { gradient, direction }) => sum + dot(gradient, direction), 0);
    const length = Math.sqrt(parts.reduce((sum, { gradient }) => sum + dot(gradient, gradient), 0));
    const numeric = (4 * fine[index]! - coarse[index]!) / 3;
    return { probe, analytic, numeric, relative: Math.abs(analytic - numeric) / Math.max(length, 1e-3) };
  });
}

/** v·J for each probe and each of its inputs, computed by the graph that `gradient` writes. */
export async function projectedGradients(open: OpenGraph, graph: Graph, probes: readonly Probe[], feeds: Tensors, cotangents: Tensors): Promise<Tensor[][]> {
  const copy = graph.clone();
  copy.outputs.length = 0;
  const b = new GraphBuilder(copy, "gradient/");
  const seeds: Record<string, Tensor> = {};
  const names = probes.map(({ output, wrt }) => {
    const loss = copy.value(output);
    const seed = b.input(`cotangent/${output}`, "float32", loss.shape ?? cotangents[output]!.dims);
    seeds[seed.name] = cotangents[output]!;
    return gradient(b, loss, wrt.map((name) => copy.value(name)), { seed, unreached: "zeros" }).map((value) => expose(b, value).name);
  });
  const run = await open(copy);
  const results = await run({ ...feeds, ...seeds });
  return names.map((row) => row.map((name) => results[name]!));
}

/** Makes a value an output of its own, also where it is a graph input or an output already. */
function expose(b: GraphBuilder, value: Value): Value {
  const own = b.op("Identity", [value]);
  b.graph.outputs.push(own);
  return own;
}

function forwardGraph(graph: Graph, probes: readonly Probe[]): Graph {
  const copy = graph.clone();
  copy.outputs.splice(0, copy.outputs.length, ...probes.map(({ output }) => copy.value(output)));
  return copy;
}

/** (v·f(x + h u) − v·f(x − h u)) / 2h for each probe. */
async function quotients(run: (feeds: Tensors) => Promise<Tensors>, probes: readonly Probe[], feeds: Tensors, cotangents: Tensors, directions: Tensors, h: number): Promise<number[]> {
  const above = await run(moved(feeds, directions, h));
  const below = await run(moved(feeds, directions, -h));
  return probes.map(({ output }) => (dot(cotangents[output]!, above[output]!) - dot(cotangents[output]!, below[output]!)) / (2 * h));
}

function moved(feeds: Tensors, directions: Tensors, h: number): Tensors {
  const shifted = Object.entries(directions).map(([name, direction]) => {
    const from = feeds[name]!.data as Float32Array;
    return [name, float32(direction.dims, from.map((x, index) => x + h * Number(direction.data[index])))];
  });
  return { ...feeds, ...Object.fromEntries(shifted) };
}

function normal(dims: readonly number[], seed: number, ...path: string[]): Tensor {
  const stream = randomStream(seed, "checkGradient", ...path);
  return float32(dims, Array.from({ length: dims.reduce((size, dim) => size * dim, 1) }, () => stream.normal()));
}

function dot(a: Tensor, c: Tensor): number {
  let sum = 0;
  for (let index = 0; index < a.data.length; index++) sum += Number(a.data[index]) * Number(c.data[index]);
  return sum;
}
