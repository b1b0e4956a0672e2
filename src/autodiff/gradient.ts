import { type DType, ModlinguaError, nearestName } from "../base/index.js";
import { GraphBuilder, type Node, type Value } from "../onnx/index.js";
import type { Vjp } from "./rule.js";
import * as entries from "./rules/index.js";
import { zerosLike } from "./shapes.js";
import { unbroadcast } from "./unbroadcast.js";

const rules: Readonly<Record<string, Vjp>> = entries satisfies Record<string, Vjp>;

export interface GradientOptions {
  /** The cotangent of `loss`, in its shape. Default: one, for a loss of one element. */
  readonly seed?: Value;
  /** What a value that the loss does not depend on gets: a refusal (the default), or zeros. */
  readonly unreached?: "error" | "zeros";
}

/** The operators that have a gradient rule, sorted. */
export function differentiableOperators(): string[] {
  return Object.keys(rules).sort();
}

/**
 * Reverse-mode differentiation: appends nodes that compute d loss / d w for every w in `wrt`, and returns
 * their outputs in that order, all different and fit to be outputs of the graph (Griewank & Walther 2008, ch. 3: every node is visited once, consumers first).
 *
 * Only nodes between a `wrt` and the loss are differentiated: frozen branches are never entered, and
 * nothing below the lowest trained value costs anything. Only standard ONNX operators are written.
 *
 * @throws ModlinguaError "graph" where an operator on the way has no rule (nothing is written then), where
 * the loss is not a scalar and no seed is given, where a `wrt` is not of a floating type, and where the
 * loss does not depend on a `wrt` (unless `unreached` is "zeros").
 */
export function gradient(b: GraphBuilder, loss: Value, wrt: readonly Value[], options: GradientOptions = {}): Value[] {
  for (const value of wrt) requireFloat(value);
  const dependent = dependents(wrt);
  const path = pathTo(loss, dependent, b.graph.sortedNodes());
  requireRules(path);
  const cotangents = new Cotangents(b, dependent);
  if (dependent.has(loss)) cotangents.add(loss, options.seed ?? one(b, loss));
  for (const node of path) differentiate(b, node, cotangents);
  return distinct(b, wrt.map((value) => cotangents.of(value) ?? unreached(b, loss, value, options.unreached ?? "error")));
}

/** Two values may have one cotangent, and the loss has a seed that no node made: graph outputs must be neither. */
function distinct(b: GraphBuilder, values: readonly Value[]): Value[] {
  return values.map((value, index) => (value.producer === undefined || values.indexOf(value) < index ? b.op("Identity", [value]) : value));
}

/** The sums of what flows into each value. */
class Cotangents {
  private readonly parts = new Map<Value, Value[]>();

  constructor(private readonly b: GraphBuilder, private readonly dependent: ReadonlySet<Value>) {}

  wants(value: Value | undefined): boolean {
    return value !== undefined && this.dependent.has(value);
  }

  add(value: Value, part: Value): void {
    const parts = this.parts.get(value);
    if (parts === undefined) this.parts.set(value, [part]);
    else parts.push(part);
  }

  /** The whole cotangent of a value, all of whose readers have been visited. */
  of(value: Value): Value | undefined {
    const parts = this.parts.get(value);
    if (parts === undefined) return undefined;
    const total = parts.reduce((sum, part) => this.b.add(sum, part));
    this.parts.set(value, [total]);
    return total;
  }
}

function differentiate(b: GraphBuilder, node: Node, cotangents: Cotangents): void {
  const outputs = node.outputs.map((value) => cotangents.of(value));
  if (outputs.every((cotangent) => cotangent === undefined)) return;
  const inputs = rules[node.op]!(b, node, outputs, node.inputs.map((value) => cotangents.wants(value)));
  inputs.forEach((cotangent, index) => {
    const value = node.inputs[index];
    if (cotangent !== undefined && value !== undefined) cotangents.add(value, unbroadcast(b, cotangent, value));
  });
}

/** Everything that changes smoothly with one of `roots`: integers and booleans carry no gradient. */
function dependents(roots: readonly Value[]): Set<Value> {
  const found = new Set(roots);
  const stack = [...roots];
  while (stack.length > 0) {
    for (const { node } of stack.pop()!.uses) {
      for (const output of node.outputs) {
        if (found.has(output) || !carriesGradient(output.dtype)) continue;
        found.add(output);
        stack.push(output);
      }
    }
  }
  return found;
}

/** The nodes between the dependent values and `loss`, consumers first. */
function pathTo(loss: Value, dependent: ReadonlySet<Value>, order: readonly Node[]): Node[] {
  const leading = new Set([loss]);
  const path: Node[] = [];
  for (const node of [...order].reverse()) {
    if (!node.outputs.some((value) => leading.has(value) && dependent.has(value))) continue;
    const through = [...node.inputs, ...node.captures].filter((value) => value !== undefined && dependent.has(value));
    if (through.length === 0) continue;
    path.push(node);
    for (const value of through) leading.add(value!);
  }
  return path;
}

function requireRules(path: readonly Node[]): void {
  const node = path.find(({ op, domain, captures }) => !Object.hasOwn(rules, op) || (domain !== "" && domain !== "com.microsoft") || captures.length > 0);
  if (node === undefined) return;
  const known = differentiableOperators();
  const nearest = nearestName(node.op, known);
  throw new ModlinguaError("graph", `operator ${node.domain === "" ? "" : `${node.domain}.`}${node.op} has no gradient rule, and a trained value reaches the loss through it; operators with a rule: ${known.join(", ")}`, {
    place: `node ${node.name}`,
    remedy: nearest !== undefined && nearest !== node.op ? `did you mean ${nearest}?` : "make the graph canonical first, add a rule under src/autodiff/rules, or train only parameters above this node",
  });
}

function requireFloat(value: Value): void {
  if (carriesGradient(value.dtype)) return;
  throw new ModlinguaError("graph", `cannot differentiate with respect to ${JSON.stringify(value.name)}: it holds ${value.dtype}, not floating-point numbers`);
}

function carriesGradient(dtype: DType | undefined): boolean {
  return dtype === undefined || dtype === "float32" || dtype === "float16" || dtype === "bfloat16" || dtype === "float64";
}

function one(b: GraphBuilder, loss: Value): Value {
  const { shape } = loss;
  if (shape !== undefined && shape.every((dim) => dim === 1)) return b.floats(shape.map(() => 1), [1]);
  throw new ModlinguaError("graph", `the loss ${JSON.stringify(loss.name)} has the shape ${shape === undefined ? "unknown" : `[${shape.join(", ")}]`}; a gradient starts from one number`,
    { remedy: "reduce it to a scalar, or give the seed (its cotangent)" });
}

function unreached(b: GraphBuilder, loss: Value, value: Value, policy: "error" | "zeros"): Value {
  if (policy === "zeros") return zerosLike(b, value);
  throw new ModlinguaError("graph", `the loss ${JSON.stringify(loss.name)} does not depend smoothly on ${JSON.stringify(value.name)}: its gradient is zero everywhere`,
    { remedy: 'leave it out, or pass { unreached: "zeros" }' });
}
