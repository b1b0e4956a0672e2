import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type FloatTensor, ModlinguaError, type Tensor, float32, writeFileAtomic } from "../base/index.js";
import { readSafetensors, writeSafetensorsFile } from "../formats/index.js";
import type { OptimizerState, Parameter } from "./optimizers.js";
import type { RunRecord } from "./report.js";

/**
 * A checkpoint folder holds `checkpoint.json`, which names two files beside it: `last-STEP.safetensors` (parameters and the
 * optimizer's moments) and `best-STEP.safetensors` (parameters). The tensors are written first, the JSON last and
 * atomically, so that at every moment the folder holds one whole checkpoint, whenever the process dies.
 */
export interface CheckpointOptions {
  readonly folder: string;
  /** Steps between two saves; the end of a run, its interruption and a new best are saved in any case. */
  readonly every: number;
}

interface CheckpointFile {
  readonly version: 1;
  readonly config: Readonly<Record<string, unknown>>;
  readonly record: RunRecord;
  readonly optimizerStep: number;
  /** Where the batch source stands. */
  readonly position: unknown;
  readonly files: { readonly last: string; readonly best?: string };
}

/** What a run needs to go on as if it had never stopped. */
export interface Snapshot {
  readonly record: RunRecord;
  readonly position: unknown;
  readonly optimizer: OptimizerState;
  readonly best: readonly Float32Array[] | undefined;
}

const index = "checkpoint.json";

/** Saves a run; the files of the checkpoint before it are removed once the new one counts. */
export function saveCheckpoint(folder: string, config: Readonly<Record<string, unknown>>, parameters: readonly Parameter[], { record, position, optimizer, best }: Snapshot): void {
  const last = `last-${record.step}.safetensors`;
  writeSafetensorsFile(join(folder, last), { ...parametersByName(parameters), ...momentsByName(parameters, optimizer) });
  const bestFile = record.best === undefined || best === undefined ? undefined : `best-${record.best.step}.safetensors`;
  if (bestFile !== undefined && !existsSync(join(folder, bestFile))) writeSafetensorsFile(join(folder, bestFile), parametersByName(parameters, best));
  const file: CheckpointFile = { version: 1, config, record, optimizerStep: optimizer.step, position, files: { last, ...(bestFile === undefined ? {} : { best: bestFile }) } };
  writeFileAtomic(join(folder, index), `${JSON.stringify(file)}\n`);
  removeOthers(folder, [last, bestFile]);
}

function removeOthers(folder: string, kept: readonly (string | undefined)[]): void {
  for (const name of readdirSync(folder)) {
    if (/^(last|best)-\d+\.safetensors$/.test(name) && !kept.includes(name)) rmSync(join(folder, name), { force: true });
  }
}

/** Forgets an earlier run in the folder, so that a new one's files cannot be taken for its. */
export function clearCheckpoint(folder: string): void {
  if (!existsSync(folder)) return;
  rmSync(join(folder, index), { force: true });
  removeOthers(folder, []);
}

/**
 * Loads the checkpoint of a folder into `parameters`, in place; undefined where the folder holds none. Refuses one
 * of another configuration, naming the first key that differs.
 */
export function loadCheckpoint(folder: string, config: Readonly<Record<string, unknown>>, parameters: readonly Parameter[], moments: readonly string[]): Snapshot | undefined {
  const path = join(folder, index);
  if (!existsSync(path)) return undefined;
  const file = parseIndex(path);
  requireSameConfig(path, file.config, config);
  const last = openTensors(folder, file.files.last);
  const states = moments.map((moment) => [moment, parameters.map((parameter) => last(`${moment}/${pathOf(parameter)}`, parameter.tensor).data)] as const);
  for (const parameter of parameters) parameter.tensor.data.set(last(`parameters/${pathOf(parameter)}`, parameter.tensor).data);
  return {
    record: file.record, position: file.position, optimizer: { step: file.optimizerStep, moments: Object.fromEntries(states) },
    best: file.files.best === undefined ? undefined : readBest(folder, file.files.best, parameters),
  };
}

function readBest(folder: string, name: string, parameters: readonly Parameter[]): Float32Array[] {
  const tensor = openTensors(folder, name);
  return parameters.map((parameter) => tensor(`parameters/${pathOf(parameter)}`, parameter.tensor).data);
}

function parseIndex(path: string): CheckpointFile {
  const remedy = "train anew without resume, or give another folder";
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ModlinguaError("format", `is not a checkpoint (${(cause as Error).message})`, { file: path, remedy, cause });
  }
  const file = json as Partial<CheckpointFile> | null;
  if (typeof file !== "object" || file === null || file.record === undefined || file.files === undefined || file.config === undefined) throw new ModlinguaError("format", "is not a checkpoint of a training run", { file: path, remedy });
  if (file.version !== 1) throw new ModlinguaError("format", `is a checkpoint of version ${String(file.version)}, this library reads version 1`, { file: path, remedy });
  return file as CheckpointFile;
}

function requireSameConfig(path: string, saved: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>): void {
  const written = JSON.parse(JSON.stringify(config)) as Record<string, unknown>;
  const key = [...new Set([...Object.keys(saved), ...Object.keys(written)])].find((name) => JSON.stringify(saved[name]) !== JSON.stringify(written[name]));
  if (key === undefined) return;
  throw new ModlinguaError("training", `cannot go on with this checkpoint: ${key} was ${JSON.stringify(saved[key])} and is now ${JSON.stringify(written[key])}`, {
    file: path, remedy: "resume with the same settings and data, or train anew in another folder",
  });
}

function openTensors(folder: string, name: string): (tensor: string, like: FloatTensor) => FloatTensor {
  const file = join(folder, name);
  const { tensors } = readSafetensors(file);
  return (tensorName, like) => {
    const found = tensors.get(tensorName);
    if (found === undefined || found.dtype !== "float32" || found.dims.join() !== like.dims.join()) {
      throw new ModlinguaError("format", `expected float32 [${like.dims.join(", ")}], found ${found === undefined ? "nothing" : `${found.dtype} [${found.dims.join(", ")}]`}`, {
        file, place: `tensor ${tensorName}`, remedy: "resume with the modules that this run trained",
      });
    }
    return found as FloatTensor;
  };
}

function parametersByName(parameters: readonly Parameter[], values?: readonly Float32Array[]): Record<string, Tensor> {
  return Object.fromEntries(parameters.map((parameter, i) => [`parameters/${pathOf(parameter)}`, values === undefined ? parameter.tensor : float32(parameter.tensor.dims, values[i]!)]));
}

function momentsByName(parameters: readonly Parameter[], { moments }: OptimizerState): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(moments).flatMap(([moment, arrays]) => parameters.map((parameter, i) => [`${moment}/${pathOf(parameter)}`, float32(parameter.tensor.dims, arrays[i]!)])));
}

function pathOf({ module, name }: Parameter): string {
  return `${module}/${name}`;
}
