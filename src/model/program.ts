import { gradient } from "../autodiff/index.js";
import type { Backbone } from "../backbone/index.js";
import { type Tensor, ModlinguaError, float32, randomStream } from "../base/index.js";
import { modelFromGraph } from "../onnx/index.js";
import { writeOnnx } from "../formats/index.js";
import { type Session, type SessionOptions, openSession } from "../runtime/index.js";
import { type Binding, type Built, type Purpose, build } from "./build.js";
import { RowReader, takeLookups } from "./lookups.js";
import { residentOf } from "./residents.js";
import { type Holder, type Structure, signatureOf } from "./structure.js";

/** A graph with an open session, shared by every model of the same structure. */
export interface Program {
  readonly built: Pick<Built, "bindings">;
  /** Names of the session's outputs by what they are. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly inputs: readonly string[];
  /** Bindings whose gradients the session gives, with the output's name. */
  readonly gradients: readonly { readonly binding: Binding; readonly output: string }[];
  readonly session: Session;
  /** The inputs that are read from files, run by run. */
  readonly rows: RowReader;
}

/** Programs of one backbone, built when first asked for. */
export class ProgramCache {
  private readonly programs = new Map<string, Promise<Program>>();

  constructor(private readonly backbone: Backbone, private readonly options: SessionOptions) {}

  /** The program of a structure; for "train" with gradients of the parameters of `trained` slots. */
  get(structure: Structure, purpose: Purpose, trained: readonly string[] = []): Promise<Program> {
    const key = signatureOf(structure, `${purpose}(${trained.join()})`);
    const known = this.programs.get(key);
    const open = (): Promise<Program> => this.keep(key, openProgram(this.backbone, structure, purpose, trained, this.options));
    if (known === undefined) return open();
    // where the runtime's thread has died, the first who asks opens the program again
    return known.then((program) => (program.session.isOpen ? program : this.programs.get(key) === known ? open() : this.get(structure, purpose, trained)));
  }

  private keep(key: string, made: Promise<Program>): Promise<Program> {
    this.programs.set(key, made);
    made.catch(() => this.programs.get(key) === made && this.programs.delete(key));
    return made;
  }

  /** Closes every session; one that fails keeps none of the others open. */
  async close(): Promise<void> {
    const open = await Promise.allSettled(this.programs.values());
    this.programs.clear();
    const programs = open.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    for (const { rows } of programs) rows.close();
    const failed = (await Promise.allSettled(programs.map(({ session }) => session.close()))).find(({ status }) => status === "rejected");
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }
}

async function openProgram(backbone: Backbone, structure: Structure, purpose: Purpose, trained: readonly string[], options: SessionOptions): Promise<Program> {
  const built = build(backbone, structure, purpose);
  const { graph } = built;
  const bindings = built.bindings.filter(({ slot }) => trained.includes(slot));
  if (purpose === "train") {
    const cotangents = gradient(built.builder, built.outputs["loss"]!, bindings.map(({ input }) => graph.value(input)));
    graph.outputs.push(...cotangents);
  }
  const lookups = takeLookups(graph);
  // a parameter that no output depends on (an inverse outside a language model's head) is not an input of the session
  graph.prune();
  for (const input of [...graph.inputs]) if (input.uses.size === 0 && !graph.outputs.includes(input)) graph.removeValue(input);
  const gradients = bindings.map((binding, index) => ({ binding, output: graph.outputs[index + 1]?.name ?? "" }));
  const { bytes, folder } = writeOnnx(modelFromGraph(graph));
  const rows = new RowReader(lookups);
  const session = await openSession({ bytes, ...(folder === undefined ? {} : { folder }) }, options).catch((error: unknown) => {
    rows.close();
    throw error;
  });
  const used = new Set(graph.inputs.map(({ name }) => name));
  return {
    built: { bindings: built.bindings.filter(({ input }) => used.has(input)) }, inputs: [...used], gradients, session, rows,
    outputs: Object.fromEntries(Object.entries(built.outputs).map(([name, value]) => [name, value.name])),
  };
}

/**
 * Gives a fresh module its parameters, drawn from the module's seed, its name and the parameter's. Refuses shapes that do not fit, and an adapter or head
 * that has some of its parameters only: the others would be random beside trained ones. (A fusion grows with the layers it is used in.)
 */
export function materialise(holder: Holder, bindings: readonly Binding[], what: string): void {
  const isWhole = "config" in holder && holder.parameters.names.length > 0;
  for (const { name, dims, init } of bindings) {
    const present = holder.parameters.get(name);
    if (present === undefined) {
      if (isWhole) throw new ModlinguaError("config", `${what} ${JSON.stringify(holder.name)} has no ${name}, though it has others`, { remedy: "load the whole module, or create it anew" });
      const fresh = float32(dims);
      init(randomStream(holder.seed, holder.name, name), fresh.data, dims);
      holder.parameters.set(name, fresh);
    } else if (present.dims.join() !== dims.join()) {
      throw new ModlinguaError("config", `${what} ${JSON.stringify(holder.name)} holds ${name} as [${present.dims.join(", ")}], but this model needs [${dims.join(", ")}]`,
        { remedy: "load a module that was made for this backbone and configuration" });
    }
  }
}

/** Runs a program with the parameters of the modules in its slots. */
export async function runProgram(program: Program, slots: ReadonlyMap<string, Holder>, feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[], signal?: AbortSignal): Promise<Record<string, Tensor>> {
  const given = { ...feeds, ...program.rows.feeds(feeds) };
  const wanted = Object.fromEntries(Object.entries(given).filter(([name]) => program.inputs.includes(name)));
  return program.session.run(wanted, { outputs, ...residentOf(program.built.bindings, slots), ...(signal === undefined ? {} : { signal }) });
}
