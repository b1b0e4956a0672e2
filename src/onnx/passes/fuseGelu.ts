import type { Graph, Node, Value } from "../graph.js";
import { isNear, otherInput, producedBy, scalarOf } from "../match.js";
import type { Pass } from "../pass.js";

/**
 * Hendrycks & Gimpel 2016, section 2: x/2 · (1 + erf(x/√2)), or with tanh(√(2/π)(x + 0.044715 x³)) in the place of erf.
 * Exporters associate the products in every way, so the outer product is compared as a bag of factors
 * and the inner argument as a polynomial in x.
 */
export const fuseGelu: Pass = {
  name: "fuseGelu",
  does: "gathers the nodes of a decomposed GELU, exact or by tanh, into one Gelu",
  requires: ["constantNodes", "normalizeOpset", "eliminateIdentity"],
  run(graph) {
    let changes = 0;
    for (const node of graph.sortedNodes()) if (graph.nodes.has(node) && fused(graph, node)) changes++;
    return changes;
  },
};

const spellings = {
  Erf: { approximate: "none", argument: [0, Math.SQRT1_2] },
  Tanh: { approximate: "tanh", argument: [0, Math.sqrt(2 / Math.PI), 0, 0.044715 * Math.sqrt(2 / Math.PI)] },
} as const;

function fused(graph: Graph, node: Node): boolean {
  if ((node.op !== "Erf" && node.op !== "Tanh") || node.domain !== "") return false;
  const { approximate, argument } = spellings[node.op];
  for (const gate of node.output().users) {
    if (gate.op !== "Add" || scalarOf(otherInput(gate, node.output())) !== 1) continue;
    const found = outerProduct(gate.output());
    if (found === undefined || !equals(polynomial(node.input(0), found.x), argument)) continue;
    graph.substitute(found.product, "Gelu", [found.x], { approximate });
    return true;
  }
  return false;
}

/** The product of the gate, one half and x, found by walking up from the gate through at most three multiplications. */
function outerProduct(gate: Value): { product: Node; x: Value } | undefined {
  let value = gate;
  for (let step = 0; step < 3; step++) {
    const product: Node | undefined = value.users.find(({ op }) => op === "Mul" || op === "Div");
    if (product === undefined) return undefined;
    const x = remaining(product, gate);
    if (x !== undefined) return { product, x };
    value = product.output();
  }
  return undefined;
}

/** x, where a product is gate · ½ · x. */
function remaining(product: Node, gate: Value): Value | undefined {
  const bag = { constant: 1, values: [] as Value[] };
  if (!collect(product.output(), gate, bag) || !isNear(bag.constant, 0.5) || bag.values.length !== 2) return undefined;
  return bag.values[0] === gate ? bag.values[1] : bag.values[1] === gate ? bag.values[0] : undefined;
}

/** Multiplications are opened only on the way to the gate and for constant factors: x may be a product itself. */
function collect(value: Value, gate: Value, bag: { constant: number; values: Value[] }, depth = 0): boolean {
  const constant = scalarOf(value);
  const product = producedBy(value, "Mul");
  const quotient = producedBy(value, "Div");
  const divisor = scalarOf(quotient?.inputs[1]);
  if (constant !== undefined) bag.constant *= constant;
  else if (value !== gate && product !== undefined && depth < 3 && (depth === 0 || leadsTo(value, gate) || product.inputs.some((input) => scalarOf(input) !== undefined))) {
    return product.inputs.every((input) => collect(input!, gate, bag, depth + 1));
  } else if (value !== gate && quotient !== undefined && divisor !== undefined && depth < 3) {
    bag.constant /= divisor;
    return collect(quotient.input(0), gate, bag, depth + 1);
  } else bag.values.push(value);
  return bag.values.length <= 2;
}

function leadsTo(value: Value, gate: Value, depth = 0): boolean {
  if (value === gate) return true;
  const product = producedBy(value, "Mul") ?? producedBy(value, "Div");
  return product !== undefined && depth < 3 && product.inputs.some((input) => input !== undefined && leadsTo(input, gate, depth + 1));
}

/** The coefficients of a value as a polynomial in x, lowest degree first; undefined where it is none of degree at most 3. */
function polynomial(value: Value | undefined, x: Value): readonly number[] | undefined {
  if (value === x) return [0, 1];
  const constant = scalarOf(value);
  if (constant !== undefined) return [constant];
  const node = value?.producer;
  if (node === undefined || node.domain !== "") return undefined;
  const [a, b] = [polynomial(node.inputs[0], x), polynomial(node.inputs[1], x)];
  if (a === undefined || b === undefined) return undefined;
  switch (node.op) {
    case "Add": return Array.from({ length: Math.max(a.length, b.length) }, (_, degree) => (a[degree] ?? 0) + (b[degree] ?? 0));
    case "Mul": return multiplied(a, b);
    case "Div": return b.length === 1 ? a.map((coefficient) => coefficient / b[0]!) : undefined;
    case "Pow": return b[0] === 2 ? multiplied(a, a) : b[0] === 3 ? multiplied(multiplied(a, a), a) : undefined;
    default: return undefined;
  }
}

function multiplied(a: readonly number[] | undefined, b: readonly number[]): readonly number[] | undefined {
  if (a === undefined || a.length + b.length > 5) return undefined;
  const result = new Array<number>(a.length + b.length - 1).fill(0);
  a.forEach((left, i) => b.forEach((right, j) => (result[i + j]! += left * right)));
  return result;
}

function equals(found: readonly number[] | undefined, wanted: readonly number[]): boolean {
  return found?.length === wanted.length && wanted.every((coefficient, degree) => isNear(found[degree], coefficient));
}
