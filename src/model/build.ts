import type { Backbone, Bijection, Site } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";
import { copiesOf, lower } from "../composition/index.js";
import type { Initializer, ParameterScope } from "../computation/index.js";
import { taskOf } from "../heads/index.js";
import { Graph, GraphBuilder, type Value } from "../onnx/index.js";
import type { Structure } from "./structure.js";

/** A parameter as the graph wants it: an input, which slot feeds it under which name, and how a fresh one starts. */
export interface Binding {
  readonly input: string;
  readonly slot: string;
  readonly name: string;
  readonly dims: readonly number[];
  readonly init: Initializer;
}

/** The graph of a structure, its parameters, and the values that it gives. */
export interface Built {
  readonly graph: Graph;
  readonly builder: GraphBuilder;
  readonly bindings: readonly Binding[];
  readonly outputs: Readonly<Record<string, Value>>;
}

export type Purpose = "predict" | "train";

/** Slot of the head's parameters. */
export const headSlot = "head";

/**
 * Writes modules and head onto a copy of the backbone. For "predict" the outputs are `logits` (or
 * `last_hidden_state` without a head) and what blocks expose; for "train" the one output is `loss`, the
 * sum of the head's losses times the input `lossScale`.
 */
export function build(backbone: Backbone, structure: Structure, purpose: Purpose): Built {
  const graph = backbone.graph.clone();
  const b = new GraphBuilder(graph);
  const parameters = new ScopeOfInputs(b);
  const copies = copiesOf(structure.tree);
  if (copies > 1) replicateInputs(b, copies);
  const exposed: Record<string, Value> = {};
  const invert = lower(b, backbone.sites, structure.tree, {
    config: (slot) => structure.slots.find((entry) => entry.slot === slot)!.config!,
    scope: (slot, site) => parameters.of(slot, site),
    expose: (name, value) => void (exposed[name] = value),
  });
  const hidden = graph.outputs[0]!;
  const outputs = structure.head === undefined ? { last_hidden_state: hidden } : headOutputs(b, backbone, structure.head, purpose, hidden, invert, parameters);
  graph.outputs.length = 0;
  const all = purpose === "predict" ? { ...outputs, ...exposed } : outputs;
  for (const value of Object.values(all)) graph.outputs.push(value);
  return { graph, builder: b, bindings: parameters.bindings, outputs: all };
}

function headOutputs(b: GraphBuilder, backbone: Backbone, head: NonNullable<Structure["head"]>, purpose: Purpose, hidden: Value, invert: Bijection, parameters: ScopeOfInputs): Record<string, Value> {
  const task = taskOf(head.task);
  const inner = b.within("head");
  const context = {
    hidden, width: backbone.config.hidden, invert, wordEmbeddings: b.graph.value(backbone.wordEmbeddings),
    attentionMask: b.graph.inputs.find(({ name }) => name === "attention_mask")!, scope: parameters.of(headSlot),
  };
  if (purpose === "predict") return { logits: task.logits(inner, context, head.config) };
  return { loss: inner.mul(task.loss(inner, context, head.config), b.input("lossScale", "float32", [])) };
}

/** One copy of every input a child of `parallel`, so that each child sees its own. */
function replicateInputs(b: GraphBuilder, copies: number): void {
  for (const input of [...b.graph.inputs]) {
    const uses = [...input.uses];
    if (uses.length === 0) continue;
    const copied = b.concat(Array.from({ length: copies }, () => input), 0);
    b.graph.replaceUses(input, copied, new Set([copied.producer!]));
  }
}

/** Parameters as graph inputs: asked for again, the same input is given. */
class ScopeOfInputs {
  readonly bindings: Binding[] = [];
  private readonly made = new Map<string, Value>();

  constructor(private readonly b: GraphBuilder) {}

  of(slot: string, site?: Site): ParameterScope {
    return this.scope(slot, site === undefined ? "" : site.layer < 0 ? "" : `layer.${site.layer}.${site.place}.`);
  }

  private scope(slot: string, prefix: string): ParameterScope {
    return {
      parameter: (name, dims, init) => this.parameter(slot, `${prefix}${name}`, dims, init),
      within: (name) => this.scope(slot, `${prefix}${name}.`),
    };
  }

  private parameter(slot: string, name: string, dims: readonly number[], init: Initializer): Value {
    const input = `${slot}/${name}`;
    const known = this.made.get(input);
    if (known === undefined) {
      const value = this.b.input(input, "float32", dims);
      this.made.set(input, value);
      this.bindings.push({ input: value.name, slot, name, dims, init });
      return value;
    }
    if (known.shape!.join() !== dims.join()) throw new ModlinguaError("config", `the parameter ${name} is asked for as [${dims.join(", ")}] and as [${known.shape!.join(", ")}]`);
    return known;
  }
}
