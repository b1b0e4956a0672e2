import { type DType, ModlinguaError, type Shape, type Tensor } from "../base/index.js";
import type { OnnxGraph } from "../formats/index.js";

/** Bytes that stay where they are: a range of a file, read by the runtime and never through JavaScript's heap. */
export interface ExternalData {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly dtype: Tensor["dtype"];
  readonly dims: readonly number[];
}

/** What a constant holds. */
export type ConstantData = { readonly inline: Tensor } | { readonly external: ExternalData };

export type Attribute = number | bigint | string | Tensor | readonly number[] | readonly string[] | { readonly graph: OnnxGraph } | { readonly float: number } | { readonly floats: readonly number[] };
export type Attributes = Readonly<Record<string, Attribute | undefined>>;

/** One place where a value is read: the input `index` of `node`; −1 where a subgraph of the node captures it by name. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/** An edge of the graph. It is a graph input, a constant (`data`), or the output of its `producer`. */
export class Value {
  producer: Node | undefined;
  data: ConstantData | undefined;
  readonly uses = new Set<Use>();

  constructor(readonly name: string, public dtype: DType | undefined = undefined, public shape: Shape | undefined = undefined) {}

  get isConstant(): boolean {
    return this.data !== undefined;
  }

  /** The inline tensor of a constant; undefined for anything else (also for a constant that stays in its file). */
  get tensor(): Tensor | undefined {
    return this.data !== undefined && "inline" in this.data ? this.data.inline : undefined;
  }

  /** The nodes that read this value, each once. */
  get users(): Node[] {
    return [...new Set([...this.uses].map(({ node }) => node))];
  }
}

/** An operator application. Inputs may be absent (optional ones); outputs are all named. */
export class Node {
  readonly inputs: (Value | undefined)[] = [];
  readonly outputs: Value[] = [];
  readonly captures: Value[] = [];
  readonly attributes = new Map<string, Attribute>();

  constructor(readonly op: string, readonly domain: string, readonly name: string) {}

  /** The `index`-th input, which must be there. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (value === undefined) throw new ModlinguaError("graph", `${this.op} has no input ${index}`, { place: `node ${this.name}` });
    return value;
  }

  /** The `index`-th output, which must be there. */
  output(index = 0): Value {
    const value = this.outputs[index];
    if (value === undefined) throw new ModlinguaError("graph", `${this.op} has no output ${index}`, { place: `node ${this.name}` });
    return value;
  }

  number(name: string, fallback: number): number {
    const value = this.attributes.get(name);
    if (value === undefined) return fallback;
    if (typeof value === "object" && "float" in value) return value.float;
    return Number(value);
  }

  numbers(name: string): readonly number[] | undefined {
    const value = this.attributes.get(name);
    if (value !== undefined && typeof value === "object" && "floats" in value) return value.floats;
    return Array.isArray(value) ? (value as readonly number[]).map(Number) : undefined;
  }

  text(name: string, fallback: string): string {
    const value = this.attributes.get(name);
    return typeof value === "string" ? value : fallback;
  }
}

/**
 * A graph with value–use links. Nodes may be added in any order; `sortedNodes` gives them topologically.
 * Every change goes through the methods here, so that links are always whole.
 */
export class Graph {
  readonly nodes = new Set<Node>();
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly opset = new Map<string, number>([["", 20]]);
  private readonly values = new Map<string, Value>();
  private counter = 0;

  constructor(public name = "graph") {}

  /** The value called `name`; throws where there is none. */
  value(name: string): Value {
    const value = this.values.get(name);
    if (value === undefined) throw new ModlinguaError("graph", `no value is called ${JSON.stringify(name)}`, { place: `graph ${this.name}` });
    return value;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  get constants(): Value[] {
    return [...this.values.values()].filter((value) => value.isConstant);
  }

  /** A name that no value of this graph has yet. */
  freshName(prefix: string): string {
    if (!this.values.has(prefix)) return prefix;
    for (;;) {
      const name = `${prefix}_${++this.counter}`;
      if (!this.values.has(name)) return name;
    }
  }

  /** Adds an unconnected value; `addInput`, `addConstant` and `addNode` are what callers mostly want. */
  addValue(name: string, dtype?: DType, shape?: Shape): Value {
    if (this.values.has(name)) throw new ModlinguaError("graph", `two values are called ${JSON.stringify(name)}`, { place: `graph ${this.name}` });
    const value = new Value(name, dtype, shape);
    this.values.set(name, value);
    return value;
  }

  addInput(name: string, dtype: DType, shape: Shape): Value {
    const value = this.addValue(name, dtype, shape);
    this.inputs.push(value);
    return value;
  }

  addConstant(name: string, data: ConstantData): Value {
    const { dtype, dims } = "inline" in data ? data.inline : data.external;
    const value = this.addValue(name, dtype, dims);
    value.data = data;
    return value;
  }

  /** Appends a node reading `inputs`; its outputs are new values with the given names. */
  addNode(op: string, inputs: readonly (Value | undefined)[], outputNames: readonly string[], attributes: Attributes = {}, domain = "", name = outputNames[0] ?? op): Node {
    const node = new Node(op, domain, name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.attributes.set(key, value);
    inputs.forEach((value, index) => {
      node.inputs.push(value);
      value?.uses.add({ node, index });
    });
    for (const output of outputNames) {
      const value = this.values.get(output) ?? this.addValue(output);
      if (value.producer !== undefined || value.data !== undefined) throw new ModlinguaError("graph", `${JSON.stringify(output)} is produced twice`, { place: `node ${name}` });
      value.producer = node;
      node.outputs.push(value);
    }
    this.nodes.add(node);
    return node;
  }

  /** Makes one input of a node read another value. */
  setInput(node: Node, index: number, value: Value | undefined): void {
    const old = node.inputs[index];
    if (old !== undefined) for (const use of old.uses) if (use.node === node && use.index === index) old.uses.delete(use);
    while (node.inputs.length <= index) node.inputs.push(undefined);
    node.inputs[index] = value;
    value?.uses.add({ node, index });
  }

  /** Makes every reader of `old` (graph outputs included) read `replacement`, except the nodes in `except`. */
  replaceUses(old: Value, replacement: Value, except: ReadonlySet<Node> = new Set()): void {
    for (const { node, index } of [...old.uses]) {
      if (index >= 0 && !except.has(node)) this.setInput(node, index, replacement);
    }
    this.outputs.forEach((value, index) => {
      if (value === old) this.outputs[index] = replacement;
    });
  }

  /** Removes a node whose outputs nobody reads. */
  removeNode(node: Node): void {
    const read = node.outputs.find((value) => value.uses.size > 0 || this.outputs.includes(value));
    if (read !== undefined) throw new ModlinguaError("graph", `cannot remove ${node.op}: ${JSON.stringify(read.name)} is still read`, { place: `node ${node.name}` });
    node.inputs.forEach((_, index) => this.setInput(node, index, undefined));
    for (const value of node.captures) for (const use of value.uses) if (use.node === node) value.uses.delete(use);
    for (const value of node.outputs) this.values.delete(value.name);
    this.nodes.delete(node);
  }

  /** Puts another operator in the place of a node. It makes the very same values, so that names, readers and graph outputs stay. */
  substitute(node: Node, op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, domain = ""): Node {
    const outputs = node.outputs.splice(0);
    for (const value of outputs) value.producer = undefined;
    this.removeNode(node);
    return this.addNode(op, inputs, outputs.map(({ name }) => name), attributes, domain, node.name);
  }

  /** Turns the only output of a node into a constant; the node goes. */
  becomeConstant(value: Value, data: ConstantData): void {
    const { producer } = value;
    if (producer?.outputs.length !== 1) throw new ModlinguaError("graph", `${JSON.stringify(value.name)} is not the only output of a node`, { place: `graph ${this.name}` });
    producer.outputs.splice(0);
    value.producer = undefined;
    this.removeNode(producer);
    const { dtype, dims } = "inline" in data ? data.inline : data.external;
    [value.data, value.dtype, value.shape] = [data, dtype, dims];
  }

  removeValue(value: Value): void {
    if (value.uses.size > 0 || value.producer !== undefined) throw new ModlinguaError("graph", `cannot remove ${JSON.stringify(value.name)}: it is still connected`);
    this.values.delete(value.name);
    const input = this.inputs.indexOf(value);
    if (input >= 0) this.inputs.splice(input, 1);
  }

  /** Drops every node and constant that no graph output depends on. Graph inputs stay. */
  prune(): void {
    const live = new Set<Node>();
    const stack = this.outputs.flatMap(({ producer }) => (producer === undefined ? [] : [producer]));
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (live.has(node)) continue;
      live.add(node);
      for (const value of [...node.inputs, ...node.captures]) if (value?.producer !== undefined) stack.push(value.producer);
    }
    for (const node of this.sortedNodes().reverse()) if (!live.has(node)) this.removeNode(node);
    for (const value of this.constants) if (value.uses.size === 0 && !this.outputs.includes(value)) this.values.delete(value.name);
  }

  /** Nodes so that each comes after the producers of its inputs; throws where the graph has a cycle. */
  sortedNodes(): Node[] {
    const order: Node[] = [];
    const waiting = new Map<Node, number>();
    const ready: Node[] = [];
    for (const node of this.nodes) {
      const producers = new Set([...node.inputs, ...node.captures].flatMap((value) => (value?.producer === undefined ? [] : [value.producer])));
      if (producers.size === 0) ready.push(node);
      else waiting.set(node, producers.size);
    }
    ready.reverse();
    while (ready.length > 0) {
      const node = ready.pop()!;
      order.push(node);
      const users = new Set(node.outputs.flatMap((value) => value.users));
      for (const user of [...users].reverse()) {
        const left = (waiting.get(user) ?? 1) - 1;
        if (left === 0) {
          waiting.delete(user);
          ready.push(user);
        } else waiting.set(user, left);
      }
    }
    const stuck = waiting.keys().next().value;
    if (stuck !== undefined) throw new ModlinguaError("graph", "the graph has a cycle", { place: `node ${stuck.name} (${stuck.op})` });
    return order;
  }

  /** A copy that shares constant data (which is never mutated) and nothing else. */
  clone(): Graph {
    const copy = new Graph(this.name);
    copy.opset.clear();
    for (const [domain, version] of this.opset) copy.opset.set(domain, version);
    copy.counter = this.counter;
    for (const value of this.values.values()) copy.addValue(value.name, value.dtype, value.shape).data = value.data;
    for (const value of this.inputs) copy.inputs.push(copy.value(value.name));
    for (const node of this.nodes) {
      const twin = copy.addNode(node.op, node.inputs.map((value) => value && copy.value(value.name)), node.outputs.map(({ name }) => name),
        Object.fromEntries(node.attributes), node.domain, node.name);
      for (const value of node.captures) copy.capture(twin, copy.value(value.name));
    }
    for (const value of this.outputs) copy.outputs.push(copy.value(value.name));
    return copy;
  }

  /** Records that a subgraph of `node` reads `value` by name. */
  capture(node: Node, value: Value): void {
    node.captures.push(value);
    value.uses.add({ node, index: -1 });
  }
}
