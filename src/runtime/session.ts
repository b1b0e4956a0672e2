import { existsSync } from "node:fs";
import { basename } from "node:path";
import { ModlinguaError, type Tensor, throwIfAborted, unknownName } from "../base/index.js";
import { checkFeed, describeFeeds, missingInputs } from "./feeds.js";
import { NativeFailure, type RuntimeHost, sharedHost } from "./host.js";
import { cleanMessage } from "./nativeMessage.js";
import type { Answers, DeviceName, ModelSource, NativeOptions, ValueDescription } from "./protocol.js";
import { type ResidentTensor, compacted, owned, residentDescription, transferable } from "./resident.js";
import { physicalCores } from "./threads.js";

export interface SessionOptions {
  /** Default "cpu"; `chooseDevice` finds the best one. */
  readonly device?: DeviceName;
  /** Threads within an operator. Default: the physical cores. */
  readonly threads?: number;
  /** Whether idle threads wait by spinning: 6 to 10 % faster, but takes the cores from others on a shared machine. Default true. */
  readonly spinning?: boolean;
  /**
   * Whether weights are copied into a layout the matrix kernels like. Default false: from 512 tokens a run it gains nothing
   * (0.98 to 1.03 of the time), at 256 tokens 15 %, and it holds every weight a second time (base encoder: 740 instead of 120 MB).
   */
  readonly prepacking?: boolean;
  /** Whether memory is kept between runs. Default true; false is a quarter slower and keeps 40 % less. */
  readonly arena?: boolean;
  /**
   * Whether the memory of a run is planned as one block from the run before of the same shapes. Default false: it gains nothing
   * measurable here, and the block is held beside what the arena already has (base training step, 8 × 128: 2300 instead of 1700 MB).
   */
  readonly memoryPattern?: boolean;
  /** How far the runtime rewrites the graph. Default "all". */
  readonly optimization?: NativeOptions["optimization"];
  /** Rewrites to leave out. Default: the fusions whose CPU kernels are slower than the operators they replace. */
  readonly disabledOptimizers?: readonly string[];
  /** What to call the session in messages. Default: the file name, or a number. */
  readonly name?: string;
}

/** SkipLayerNormalization takes three to four times as long on the CPU as Add, Add and LayerNormalization; BiasGelu twice as long as Add and Gelu. */
export const slowFusions: readonly string[] = ["SkipLayerNormFusion", "BiasSkipLayerNormFusion", "BiasGeluFusion"];

export interface RunOptions {
  /** Names of the outputs to compute. Default: all. */
  readonly outputs?: readonly string[];
  /** Inputs that are read from tables placed before (`placeTensors`), by input name. */
  readonly resident?: Readonly<Record<string, ResidentTensor>>;
  /** Rejects the run at once with kind "aborted"; a native call that has begun ends in the background. */
  readonly signal?: AbortSignal;
  /** Hands the memory of feeds that own theirs over instead of copying it: these arrays are empty afterwards. Default false. */
  readonly transfer?: boolean;
}

/** An open model. Runs of all sessions are served one after another by one thread, which is not this one. */
export interface Session {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Element types and shapes of the inputs, as the model declares them. */
  readonly inputDescriptions: readonly ValueDescription[];
  readonly outputDescriptions: readonly ValueDescription[];
  /** False once it was closed, or the thread that runs models has died: then it must be opened again. */
  readonly isOpen: boolean;
  /** Throws "graph" for inputs that are missing, unknown or of the wrong type or shape, and where the model fails on them. */
  run(feeds: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** Frees the model once its pending runs are done. */
  close(): Promise<void>;
}

let counter = 0;

/** Opens a model in the shared thread. Throws "device" where the device is not there, "graph" where the model is refused. */
export async function openSession(model: ModelSource, options: SessionOptions = {}): Promise<Session> {
  const id = ++counter;
  const name = options.name ?? ("path" in model ? basename(model.path) : `session ${id}`);
  if ("path" in model && !existsSync(model.path)) throw new ModlinguaError("io", "there is no such model file", { file: model.path, remedy: "check the path" });
  const host = sharedHost();
  const device = options.device ?? "cpu";
  const described = await host.ask({ kind: "open", session: id, model, options: decided(options) }).catch((error: unknown) => {
    throw wordedOpenFailure(error, name, device);
  });
  return new WorkerSession(host, id, name, described);
}

function decided(options: SessionOptions): NativeOptions {
  return {
    device: options.device ?? "cpu",
    threads: options.threads ?? physicalCores(),
    spinning: options.spinning ?? true,
    prepacking: options.prepacking ?? false,
    arena: options.arena ?? true,
    memoryPattern: options.memoryPattern ?? false,
    optimization: options.optimization ?? "all",
    disabledOptimizers: options.disabledOptimizers ?? slowFusions,
  };
}

class WorkerSession implements Session {
  readonly inputDescriptions: readonly ValueDescription[];
  readonly outputDescriptions: readonly ValueDescription[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  private readonly inputByName: ReadonlyMap<string, ValueDescription>;
  private closed = false;

  constructor(private readonly host: RuntimeHost, private readonly id: number, readonly name: string, { inputs, outputs }: Answers["open"]) {
    this.inputDescriptions = inputs;
    this.outputDescriptions = outputs;
    this.inputs = inputs.map((input) => input.name);
    this.outputs = outputs.map((output) => output.name);
    this.inputByName = new Map(inputs.map((input) => [input.name, input]));
  }

  get isOpen(): boolean {
    return !this.closed && this.host.stopped === undefined;
  }

  async run(feeds: Readonly<Record<string, Tensor>>, { outputs = this.outputs, resident = {}, signal, transfer = false }: RunOptions = {}): Promise<Record<string, Tensor>> {
    throwIfAborted(signal, `the run of ${this.name}`);
    if (this.closed) throw new ModlinguaError("graph", "the session is closed", { place: this.name, remedy: "open it again" });
    if (this.host.stopped !== undefined) throw this.host.stopped;
    this.check(feeds, resident, outputs);
    const sent = transfer ? owned(feeds) : compacted(feeds);
    const request = { kind: "run", session: this.id, feeds: sent, resident: flattened(resident), outputs } as const;
    try {
      return await this.host.ask<"run">(request, transferable(sent), signal);
    } catch (error) {
      throw wordedRunFailure(error, this.name, feeds);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.host.stopped !== undefined) return;
    await this.host.ask({ kind: "close", session: this.id }).catch((error: unknown) => {
      if (this.host.stopped === undefined) throw error;
    });
  }

  private check(feeds: Readonly<Record<string, Tensor>>, resident: Readonly<Record<string, ResidentTensor>>, outputs: readonly string[]): void {
    for (const [name, tensor] of Object.entries(feeds)) checkFeed(this.name, name, tensor, this.input(name));
    for (const [name, reference] of Object.entries(resident)) checkFeed(this.name, name, residentDescription(this.host, reference), this.input(name));
    const missing = missingInputs(this.inputs, feeds, resident);
    if (missing !== undefined) throw new ModlinguaError("graph", missing, { place: this.name, remedy: "feed them, or place them and name them as resident" });
    for (const name of outputs) if (!this.outputs.includes(name)) throw unknownName("graph", `output of ${this.name}`, name, this.outputs);
  }

  private input(name: string): ValueDescription {
    const input = this.inputByName.get(name);
    if (input === undefined) throw unknownName("graph", `input of ${this.name}`, name, this.inputs);
    return input;
  }
}

/** (input, table, name) triples in one flat list: the cheapest thing to send that says it. */
function flattened(resident: Readonly<Record<string, ResidentTensor>>): string[] {
  const flat: string[] = [];
  for (const [input, { table, name }] of Object.entries(resident)) flat.push(input, table, name);
  return flat;
}

function wordedOpenFailure(error: unknown, name: string, device: DeviceName): unknown {
  if (!(error instanceof NativeFailure)) return error;
  const problem = cleanMessage(error.message);
  if (device !== "cpu" && /adapter|webgpu|cuda|provider|driver|device/i.test(problem)) {
    return new ModlinguaError("device", `cannot run on ${device}: ${problem}`, { place: name, remedy: 'use device: "auto" or "cpu"' });
  }
  return new ModlinguaError("graph", `the runtime refuses the model: ${problem}`, { place: name });
}

function wordedRunFailure(error: unknown, name: string, feeds: Readonly<Record<string, Tensor>>): unknown {
  if (!(error instanceof NativeFailure)) return error;
  const problem = cleanMessage(error.message);
  if (/alloc|out of memory/i.test(problem)) {
    return new ModlinguaError("device", `out of memory with ${describeFeeds(feeds)}: ${problem}`, { place: name, remedy: "make the batches smaller" });
  }
  return new ModlinguaError("graph", `the model fails on ${describeFeeds(feeds)}: ${problem}`, { place: name });
}
