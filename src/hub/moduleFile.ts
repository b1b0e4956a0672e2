import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { type FloatTensor, ModlinguaError, type Tensor, bytesOfTensor, float32, fromHalf, tensor, toHalf } from "../base/index.js";
import { type Adapter, type Base, type FullConfig, type ModuleConfig, ParameterTable, completeConfig } from "../computation/index.js";
import { readSafetensors, writeSafetensorsFile } from "../formats/index.js";
import { type Head, type TaskName, createHead } from "../heads/index.js";
import type { Fusion } from "../model/index.js";
import { packagePath } from "./cacheRoot.js";

/** Anything that can be saved: an adapter, a head or a fusion. */
export type Saveable = Adapter | Head | Fusion;

/** What stands beside the tensors in a module's file. */
interface Description {
  readonly format: "modlingua-1";
  readonly kind: "adapter" | "head" | "fusion";
  readonly name: string;
  readonly task?: string;
  readonly config?: object;
  readonly seed: number;
  readonly base?: Base | undefined;
  readonly card: Readonly<Record<string, unknown>>;
  /** SHA-256 over the names, shapes and bytes of the tensors. */
  readonly checksum: string;
}

export interface SaveOptions {
  /** float16 halves the file; numbers are rounded to the nearest. Default float32: loading gives the same bytes. */
  readonly dtype?: "float32" | "float16";
}

/**
 * Saves a module as one safetensors file (configuration, base and card are in its metadata), atomically: an
 * interrupt leaves the old file or the new one. `path` ends in .safetensors, or is a folder that gets `<name>.safetensors`.
 * @returns the file's path
 */
export function saveModule(module: Saveable, path: string, { dtype = "float32" }: SaveOptions = {}): string {
  if (module.parameters.names.length === 0) {
    throw new ModlinguaError("io", `${JSON.stringify(module.name)} has no parameters yet`, { remedy: "train it, or use it in a model, before saving it" });
  }
  const file = path.endsWith(".safetensors") ? path : join(path, `${module.name}.safetensors`);
  const tensors = new Map<string, Tensor>(module.parameters.entries().map(([name, value]) => [name, dtype === "float16" ? halved(value) : value]));
  const description = { ...describe(module), checksum: checksumOf(tensors) } satisfies Description;
  writeSafetensorsFile(file, tensors, { modlingua: JSON.stringify(description) });
  return file;
}

function describe(module: Saveable): Omit<Description, "checksum"> {
  const common = { format: "modlingua-1", name: module.name, seed: module.seed } as const;
  if ("task" in module) return { ...common, kind: "head", task: module.task, config: module.config, card: {} };
  if ("config" in module) return { ...common, kind: "adapter", config: module.config, base: module.base, card: module.card };
  return { ...common, kind: "fusion", card: module.card };
}

/** Loads an adapter from a file that `saveModule` wrote, or by an embedded name such as "e5-small/sw". */
export function loadAdapter(pathOrName: string): Adapter {
  const { description, parameters, file } = read(pathOrName, "adapter");
  const config = completeConfig(refuseMissing(description.config, file) as ModuleConfig) as FullConfig;
  return { name: description.name, config, parameters, seed: description.seed, base: description.base, card: { ...description.card } };
}

/** Loads a head from a file, or an embedded one by name ("e5-small/mlm"); `task` narrows its type and is checked. */
export function loadHead<T extends TaskName>(path: string, task: T): Head<T> {
  const { description, parameters, file } = read(path, "head");
  if (description.task !== task) throw new ModlinguaError("config", `holds a head for ${description.task}, not for ${task}`, { file });
  const head = createHead(task, refuseMissing(description.config, file) as never, { name: description.name, seed: description.seed });
  return { ...head, parameters };
}

/** Loads the parameters of a fusion. */
export function loadFusion(path: string): Fusion {
  const { description, parameters } = read(path, "fusion");
  return { name: description.name, parameters, seed: description.seed, card: { ...description.card } };
}

function read(pathOrName: string, kind: Description["kind"]): { description: Description; parameters: ParameterTable; file: string } {
  const file = locate(pathOrName, kind);
  const { tensors, metadata } = readSafetensors(file);
  const description = parseDescription(metadata.get("modlingua"), file);
  if (description.kind !== kind) throw new ModlinguaError("config", `holds the ${description.kind} ${JSON.stringify(description.name)}, not ${kind === "adapter" ? "an adapter" : `a ${kind}`}`, { file });
  if (checksumOf(tensors) !== description.checksum) throw new ModlinguaError("format", "the tensors are not the ones that were saved (checksum differs)", { file, remedy: "fetch or save the module again" });
  return { description, parameters: new ParameterTable([...tensors].map(([name, value]) => [name, toFloat32(value, name, file)])), file };
}

/** A path as it is, or an embedded module's name: the adapter "e5-small/sw" is models/e5-small/adapters/sw.safetensors. */
function locate(pathOrName: string, kind: Description["kind"]): string {
  const stats = statSync(pathOrName, { throwIfNoEntry: false });
  if (stats?.isFile()) return pathOrName;
  const [backbone = "", name = ""] = pathOrName.split("/");
  const embedded = packagePath("models", backbone, `${kind}s`, `${name}.safetensors`);
  if (statSync(embedded, { throwIfNoEntry: false })?.isFile()) return embedded;
  throw new ModlinguaError("io", `no module file ${JSON.stringify(pathOrName)}: it is neither a file nor an embedded module`,
    { remedy: "give the path of a .safetensors file written by saveModule, or a name such as e5-small/tr" });
}

function parseDescription(text: string | undefined, file: string): Description {
  if (text === undefined) throw new ModlinguaError("format", "is a safetensors file, but no module of this library (no modlingua entry in its metadata)", { file, place: "__metadata__" });
  try {
    const value = JSON.parse(text) as Description;
    if (value.format === "modlingua-1" && typeof value.name === "string" && typeof value.checksum === "string") return value;
    throw new Error(`format ${JSON.stringify(value.format)}`);
  } catch (cause) {
    throw new ModlinguaError("format", `the module's description cannot be read: ${(cause as Error).message}`, { file, place: "__metadata__.modlingua", cause, remedy: "save it with this version of the library" });
  }
}

function refuseMissing(config: object | undefined, file: string): object {
  if (config === undefined) throw new ModlinguaError("format", "the module's description has no configuration", { file, place: "__metadata__.modlingua" });
  return config;
}

function checksumOf(tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [name, value] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name}[${value.dims.join()}]${value.dtype}`).update(bytesOfTensor(value));
  return hash.digest("hex");
}

function halved({ dims, data }: FloatTensor): Tensor {
  return tensor("float16", dims, Uint16Array.from(data, toHalf));
}

function toFloat32(value: Tensor, name: string, file: string): FloatTensor {
  if (value.dtype === "float32") return value as FloatTensor;
  if (value.dtype === "float16") return float32(value.dims, Float32Array.from(value.data as Uint16Array, fromHalf));
  throw new ModlinguaError("format", `holds ${value.dtype}; modules are float32 or float16`, { file, place: `tensor ${name}` });
}
