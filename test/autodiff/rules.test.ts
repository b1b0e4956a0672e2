import assert from "node:assert/strict";
import { test } from "node:test";
import { checkGradient, differentiableOperators, gradient } from "#src/autodiff/index.js";
import type { Dim, Tensor } from "#src/base/index.js";
import { GraphBuilder, type Value } from "#src/onnx/index.js";
import { type Oracle, type Placed, differenceCases, knowledge, oracleCases, placeCases } from "./cases.js";
import { open } from "./open.js";

test("every rule has a gradient case", () => {
  const covered = new Set(differenceCases.map(({ op }) => op));
  for (const operator of differentiableOperators()) assert.ok(covered.has(operator), `no gradient case for ${operator}`);
});

for (const known of knowledge) {
  test(`every rule agrees with central differences (the graph knows ${known})`, async () => {
    const { graph, placed, feeds } = placeCases(differenceCases, known);
    const probes = placed.flatMap(({ outputs, wanted }) => outputs.map((output) => ({ output: output.name, wrt: wanted.map(({ name }) => name) })));
    const names = placed.flatMap(({ outputs }, index) => outputs.map(() => differenceCases[index]!.name));
    const errors = await checkGradient(open, graph, probes, feeds);
    const wrong = errors.flatMap(({ relative, analytic, numeric }, index) => (relative < 1e-3 ? [] : [`${names[index]}: ${analytic} by the rule, ${numeric} by differences`]));
    assert.deepEqual(wrong, []);
  });

  test(`every rule agrees with torch (the graph knows ${known})`, async () => {
    const cases = oracleCases();
    const { graph, placed, feeds } = placeCases(cases, known);
    const expected: { name: string; gradient: Tensor }[] = [];
    const seeds: Record<string, Tensor> = {};
    placed.forEach((one, index) => {
      const b = new GraphBuilder(graph, `${index}/gradient/`);
      const found = gradientsOf(b, cases[index]!, one, seeds);
      const wanted = cases[index]!.gradients.filter((value) => value !== undefined);
      found.forEach((value, position) => {
        graph.outputs.push(b.op("Identity", [value]));
        expected.push({ name: cases[index]!.name, gradient: wanted[position]! });
      });
    });
    const run = await open(graph);
    const results = await run({ ...feeds, ...seeds });
    const wrong = graph.outputs.flatMap(({ name }, index) => complaint(expected[index]!.name, results[name]!, expected[index]!.gradient));
    assert.deepEqual(wrong, []);
    assert.ok(expected.length > 300);
  });
}

/** The gradients of Σ cotangent ⊙ output over the outputs that have a cotangent. */
function gradientsOf(b: GraphBuilder, one: Oracle, { outputs, wanted }: Placed, seeds: Record<string, Tensor>): Value[] {
  const pairs = outputs.flatMap((output, index) => {
    const cotangent = one.cotangents[index];
    if (cotangent === undefined) return [];
    const name = `${b.prefix}seed${index}`;
    const seed = b.input(name, "float32", output.shape?.map((dim, axis) => (isExpression(dim) ? `${name}_${axis}` : dim)) ?? cotangent.dims);
    seeds[seed.name] = cotangent;
    return [{ output, seed }];
  });
  if (pairs.length === 1) return gradient(b, pairs[0]!.output, wanted, { seed: pairs[0]!.seed, unreached: "zeros" });
  const loss = pairs.map(({ output, seed }) => b.sum(b.mul(output, seed))).reduce((sum, part) => b.add(sum, part));
  return gradient(b, loss, wanted);
}

/** A size that inference computed from others: an input of that name would claim to define it. */
function isExpression(dim: Dim): boolean {
  return typeof dim === "string" && /[-+*/(]/.test(dim);
}

function complaint(name: string, found: Tensor, expected: Tensor): string[] {
  if (found.dims.join() !== expected.dims.join()) return [`${name}: a gradient of shape [${found.dims.join()}], expected [${expected.dims.join()}]`];
  const scale = Math.max(1, ...numbers(expected).map(Math.abs));
  const distance = Math.max(0, ...numbers(expected).map((value, index) => Math.abs(value - Number(found.data[index]))));
  return distance <= 1e-5 * scale ? [] : [`${name}: off by ${distance} of ${scale}: ${found.data.join(" ")} instead of ${expected.data.join(" ")}`];
}

function numbers({ data }: Tensor): number[] {
  return Array.from(data as Float32Array);
}
