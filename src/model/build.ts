import type { Backbone, Site } from "../backbone/index.js";
import { ModlinguaError } from "../base/index.js";
import { copiesOf, lower } from "../composition/index.js";
import { type DropoutUnit, type Initializer, type ParameterScope, dropout } from "../computation/index.js";
import { type HeadContext, taskOf } from "../heads/index.js";
import { Graph, GraphBuilder, type Value } from "../onnx/index.js";
import { shareSums } from "./shareSums.js";
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
 * sum of the head's losses times the input `lossScale`; where modules drop out, the input `dropoutSeed` decides what.
 */
export function build(backbone: Backbone, structure: Structure, purpose: Purpose): Built {
  const graph = backbone.graph.clone();
  const b = new GraphBuilder(graph);
  const parameters = new ScopeOfInputs(b, purpose);
  const copies = copiesOf(structure.tree);
  const given = graph.inputs.find(({ name }) => name === "attention_mask");
  const attentionMask = copies > 1 && given !== undefined ? replicateInputs(b, copies).get(given) : given;
  const exposed: Record<string, Value> = {};
  const invert = lower(b, backbone.sites, structure.tree, {
    config: (slot) => structure.slots.find((entry) => entry.slot === slot)!.config!,
    scope: (slot, site) => parameters.of(slot, site),
    expose: (name, value) => void (exposed[name] = value),
  });
  const hidden = graph.outputs[0]!;
  const outputs = structure.head === undefined ? { last_hidden_state: hidden } : headOutputs(b, backbone, structure.head, purpose, { hidden, invert, attentionMask: attentionMask ?? refuseWithoutMask(backbone) }, parameters);
  graph.outputs.length = 0;
  const all = purpose === "predict" ? { ...outputs, ...exposed } : outputs;
  for (const value of Object.values(all)) graph.outputs.push(value);
  shareSums(graph);
  return { graph, builder: b, bindings: parameters.bindings, outputs: all };
}

/** What the encoder gives to a head; under `parallel`, of all copies. */
type Encoded = Pick<HeadContext, "hidden" | "invert" | "attentionMask">;

function headOutputs(b: GraphBuilder, backbone: Backbone, head: NonNullable<Structure["head"]>, purpose: Purpose, encoded: Encoded, parameters: ScopeOfInputs): Record<string, Value> {
  const task = taskOf(head.task);
  const inner = b.within("head");
  const context = {
    ...encoded, width: backbone.config.hidden, wordEmbeddings: b.graph.value(backbone.wordEmbeddings), scope: parameters.of(headSlot),
  };
  if (purpose === "predict") return { logits: task.logits(inner, context, head.config) };
  return { loss: inner.mul(task.loss(inner, context, head.config), b.input("lossScale", "float32", [])) };
}

function refuseWithoutMask({ name }: Backbone): never {
  throw new ModlinguaError("backbone", `${name} has no input attention_mask, so padding would count as text`, { remedy: "export it with attention_mask among its inputs" });
}

/** One copy of every input a child of `parallel`, so that each child sees its own. Gives what stands for each input. */
function replicateInputs(b: GraphBuilder, copies: number): ReadonlyMap<Value, Value> {
  return new Map([...b.graph.inputs].map((input) => {
    const copied = b.concat(Array.from({ length: copies }, () => input), 0);
    b.graph.replaceUses(input, copied, new Set([copied.producer!]));
    return [input, copied];
  }));
}

/** The full name of a module's parameter at a site, `layer.3.ffnOutput.down.weight`; its own name where the site is none of a layer. */
export function parameterName(site: Site | undefined, name: string): string {
  return site === undefined || site.layer < 0 ? name : `layer.${site.layer}.${site.place}.${name}`;
}

/** The input from which a training step takes its randomness: an int64 scalar in [0, 2³¹), present where something drops out. */
const dropoutSeed = "dropoutSeed";

/** Parameters as graph inputs: asked for again, the same input is given. */
class ScopeOfInputs {
  readonly bindings: Binding[] = [];
  private readonly made = new Map<string, Value>();
  private seed: Value | undefined;
  private dropped = 0;

  constructor(private readonly b: GraphBuilder, private readonly purpose: Purpose) {}

  of(slot: string, site?: Site): ParameterScope {
    return this.scope(slot, parameterName(site, ""));
  }

  private scope(slot: string, prefix: string): ParameterScope {
    return {
      parameter: (name, dims, init) => this.parameter(slot, `${prefix}${name}`, dims, init),
      within: (name) => this.scope(slot, `${prefix}${name}.`),
      dropout: (b, value, rate, unit) => this.dropout(b, value, rate, unit),
    };
  }

  private dropout(b: GraphBuilder, value: Value, rate: number, unit: DropoutUnit): Value {
    if (this.purpose === "predict" || rate === 0) return value;
    this.seed ??= this.b.input(dropoutSeed, "int64", []);
    return dropout(b, value, rate, unit, this.seed, ++this.dropped);
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
