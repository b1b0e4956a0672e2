import type { Backbone } from "../backbone/index.js";
import { type FloatTensor, ModlinguaError, type Tensor, unknownName } from "../base/index.js";
import { type Part, type Tree, checkSizes, copiesOf, modulesOf, parseComposition, printComposition } from "../composition/index.js";
import { type Adapter, type FullConfig, ParameterTable, baseOf, checkBase, methodOf } from "../computation/index.js";
import type { Head, TaskName } from "../heads/index.js";
import type { SessionOptions } from "../runtime/index.js";
import { type Purpose, headSlot } from "./build.js";
import { type Program, ProgramCache, materialise, runProgram } from "./program.js";
import { type Holder, type Structure, structureOf } from "./structure.js";

/** The parameters of an AdapterFusion (or of another block that learns); made on first use where none is given. */
export interface Fusion extends Holder {
  readonly card: Record<string, unknown>;
}

export interface AssembleOptions<T extends TaskName> {
  /** Every module that compositions of this model may name. */
  readonly adapters?: readonly Adapter[];
  readonly fusions?: readonly Fusion[];
  /** Which modules act, and how; none by default. */
  readonly composition?: Part | null;
  readonly head?: Head<T>;
  readonly session?: SessionOptions;
}

/** One training step's inputs and outputs: `parameters` in a fixed order, and their gradients in the same. */
export interface TrainingProgram {
  readonly parameters: readonly { readonly module: string; readonly name: string; readonly tensor: FloatTensor }[];
  /** Forward and backward over one micro-batch with the modules' present parameters; the loss is already scaled by the feed `lossScale`. */
  run(feeds: Readonly<Record<string, Tensor>>, options?: { readonly signal?: AbortSignal }): Promise<{ readonly loss: number; readonly gradients: readonly FloatTensor[] }>;
  /** Says that the parameters were changed in place. */
  touch(): void;
}

/**
 * A backbone with modules and a head. It is a value: `with` gives another model and changes nothing. Models of
 * one structure share a session, so that taking another language adapter is handing over other arrays.
 */
export class AdaptedModel<T extends TaskName = TaskName> {
  private constructor(
    readonly backbone: Backbone,
    readonly tree: Tree | undefined,
    readonly head: Head<T> | undefined,
    private readonly holders: ReadonlyMap<string, Adapter | Fusion>,
    private readonly programs: ProgramCache,
  ) {}

  /** Puts a model together. Nothing is built before the first run. */
  static assemble<T extends TaskName>(backbone: Backbone, { adapters = [], fusions = [], composition, head, session = {} }: AssembleOptions<T>): AdaptedModel<T> {
    const holders = new Map<string, Adapter | Fusion>();
    for (const holder of [...adapters, ...fusions]) {
      if (holders.has(holder.name)) throw new ModlinguaError("config", `two modules are called ${JSON.stringify(holder.name)}`);
      holders.set(holder.name, holder);
    }
    checkHeadName(head, holders);
    return new AdaptedModel<T>(backbone, undefined, head, holders, new ProgramCache(backbone, session)).with(composition ?? null);
  }

  /** The same model with another composition. */
  with(composition: Part | null): AdaptedModel<T> {
    const tree = parseComposition(composition);
    const leaves = leavesOf(tree);
    const holders = new Map(this.holders);
    for (const name of leaves) this.checkLeaf(name, holders);
    for (const name of modulesOf(tree)) {
      if (!holders.has(name)) holders.set(name, { name, parameters: new ParameterTable(), seed: 0, card: {} });
    }
    return new AdaptedModel(this.backbone, tree, this.head, holders, this.programs);
  }

  /** The same modules and composition under another head, or under none. */
  withHead<U extends TaskName>(head: Head<U> | undefined): AdaptedModel<U> {
    checkHeadName(head, this.holders);
    return new AdaptedModel<U>(this.backbone, this.tree, head, this.holders, this.programs);
  }

  private checkLeaf(name: string, holders: ReadonlyMap<string, Adapter | Fusion>): void {
    const adapter = holders.get(name);
    if (adapter === undefined || !("config" in adapter)) throw unknownName("config", "adapter", name, [...holders.keys()]);
    checkBase(adapter, this.backbone);
    methodOf(adapter.config.method).check(adapter.config, this.backbone.config);
    adapter.base ??= baseOf(this.backbone);
  }

  /** `stack(sw, ner)` */
  get composition(): string {
    return printComposition(this.tree);
  }

  /** Names of the modules in the composition, in order. */
  get modules(): readonly string[] {
    return modulesOf(this.tree);
  }

  /** How many results the model gives for each input, one copy after the other: the children of a `parallel` block, else 1. */
  get copies(): number {
    return copiesOf(this.tree);
  }

  /** An adapter, a fusion or the head by its name. */
  module(name: string): Holder {
    const holder = this.head?.name === name ? this.head : this.holders.get(name);
    if (holder === undefined) throw unknownName("config", "module", name, [...this.holders.keys(), ...(this.head === undefined ? [] : [this.head.name])]);
    return holder;
  }

  private get structure(): Structure {
    const configOf = (name: string): FullConfig | undefined => {
      const holder = this.holders.get(name);
      return holder !== undefined && "config" in holder ? holder.config : undefined;
    };
    return structureOf(this.tree, this.modules, configOf, this.head && { task: this.head.task, config: this.head.config as object });
  }

  private slots(): Map<string, Holder> {
    const slots = new Map<string, Holder>(this.modules.map((name, index) => [`m${index}`, this.holders.get(name)!]));
    if (this.head !== undefined) slots.set(headSlot, this.head);
    return slots;
  }

  private async program(purpose: Purpose, trained: readonly string[] = []): Promise<{ program: Program; slots: ReadonlyMap<string, Holder> }> {
    const slots = this.slots();
    const program = await this.programs.get(this.structure, purpose, trained);
    for (const [slot, holder] of slots) materialise(holder, program.built.bindings.filter((binding) => binding.slot === slot), slot === headSlot ? "the head" : "the module");
    return { program, slots };
  }

  /** Builds the session for prediction ahead of its first use. */
  async prepare(): Promise<void> {
    await this.program("predict");
  }

  /**
   * Runs the model. Feeds are `input_ids`, `attention_mask` (and `token_type_ids`), int64 [batch, sequence], and what the head
   * needs (`taskOf(head.task).predictFeeds`). Gives `logits`, or `last_hidden_state` where there is no head, and the values that
   * blocks expose (`attention/<fusion>/<layer>/<place>`: a fusion's weights, [batch, sequence, candidates]).
   */
  async predict(feeds: Readonly<Record<string, Tensor>>, { signal, outputs }: { readonly signal?: AbortSignal; readonly outputs?: readonly string[] } = {}): Promise<Record<string, Tensor>> {
    const { program, slots } = await this.program("predict");
    const known = new Map(Object.entries(program.outputs).map(([name, value]) => [ownName(name, slots), value]));
    const wanted = outputs ?? [...known.keys()];
    for (const name of wanted) if (!known.has(name)) throw unknownName("config", "output", name, [...known.keys()]);
    const results = await runProgram(program, slots, checked(this.backbone, this.tree, feeds), wanted.map((name) => known.get(name)!), signal);
    return Object.fromEntries(wanted.map((name) => [name, results[known.get(name)!]!]));
  }

  /** Opens the training step for some modules (the head's name included where it is trained); everything else is frozen. */
  async training(trained: readonly string[]): Promise<TrainingProgram> {
    if (this.head === undefined) throw new ModlinguaError("training", "a model without a head has no loss", { remedy: "assemble it with a head" });
    if (this.copies > 1) throw new ModlinguaError("training", `${this.composition} has ${this.copies} results for each input, so no one loss`, { remedy: "train the children of the parallel block one by one, each in a composition of its own" });
    if (trained.length === 0) throw new ModlinguaError("training", "no module was named to be trained", { remedy: `name some of ${[...this.modules, this.head.name].join(", ")}` });
    const slotNames = trained.map((name) => this.slotOf(name));
    const { program, slots } = await this.program("train", slotNames);
    const parameters = program.gradients.map(({ binding }) => {
      const holder = slots.get(binding.slot)!;
      return { module: holder.name, name: binding.name, tensor: holder.parameters.get(binding.name)! };
    });
    const outputs = [program.outputs["loss"]!, ...program.gradients.map(({ output }) => output)];
    return {
      parameters,
      run: async (feeds, { signal } = {}) => {
        const results = await runProgram(program, slots, checked(this.backbone, this.tree, feeds), outputs, signal);
        return { loss: Number(results[outputs[0]!]!.data[0]), gradients: outputs.slice(1).map((name) => results[name] as FloatTensor) };
      },
      touch: () => trained.forEach((name) => this.module(name).parameters.touch()),
    };
  }

  private slotOf(name: string): string {
    if (this.head?.name === name) return headSlot;
    const index = this.modules.indexOf(name);
    if (index < 0) throw unknownName("training", "module of this composition", name, [...this.modules, this.head!.name]);
    return `m${index}`;
  }

  /** Gives all sessions back; the model and those made from it by `with` can be used no more. */
  close(): Promise<void> {
    return this.programs.close();
  }
}

/** Puts a backbone, modules and a head together: see `AdaptedModel.assemble`. */
export function assemble<T extends TaskName = TaskName>(backbone: Backbone, options: AssembleOptions<T> = {}): AdaptedModel<T> {
  return AdaptedModel.assemble(backbone, options);
}

/** A head is trained by its name as adapters are, so that no name may mean two things. */
function checkHeadName(head: { readonly name: string } | undefined, holders: ReadonlyMap<string, unknown>): void {
  if (head === undefined || !holders.has(head.name)) return;
  throw new ModlinguaError("config", `the head and a module are both called ${JSON.stringify(head.name)}`, { remedy: "give the head another name: createHead(task, config, { name })" });
}

/** What a block exposes is named by the module that stands in its slot: `attention/m2/0/ffnOutput` → `attention/en,tr/0/ffnOutput`. */
function ownName(name: string, slots: ReadonlyMap<string, Holder>): string {
  const [what, slot = "", ...place] = name.split("/");
  return [what, ...(place.length === 0 ? [] : [slots.get(slot)?.name ?? slot]), ...place].join("/");
}

function leavesOf(tree: Tree | undefined): string[] {
  if (tree === undefined) return [];
  return "leaf" in tree ? [tree.leaf] : tree.children.flatMap(leavesOf);
}

/** Refuses ids that the vocabulary does not have and batches that a composition's regions do not cover, which the runtime would answer with a bare native message. */
function checked(backbone: Backbone, tree: Tree | undefined, feeds: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const ids = feeds["input_ids"];
  if (ids === undefined) return feeds;
  checkSizes(tree, ids.dims[0] ?? 0, ids.dims[1] ?? 0);
  const { vocabulary } = backbone.config;
  const bad = (ids.data as BigInt64Array).findIndex((id) => id < 0n || id >= BigInt(vocabulary));
  if (bad >= 0) {
    const [, length = 1] = ids.dims;
    throw new ModlinguaError("data", `the token id ${ids.data[bad]} is not in the vocabulary of ${backbone.name} (0 to ${vocabulary - 1})`,
      { place: `input_ids, row ${Math.floor(bad / length)}, column ${bad % length}`, remedy: "use the tokenizer that lies beside the model" });
  }
  return feeds;
}
