import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ModlinguaError, throwIfAborted, unknownName, writeError } from "../base/index.js";
import type { ProgressListener } from "../base/index.js";
import { inflate, readPackedWeights } from "./packedWeights.js";
import type { Encoding, PackedWeights, WeightLayout } from "./packedWeights.js";

/** A number stands for so many bytes of the skeleton, a pair for the bytes of a weight. */
type Segment = number | readonly [Encoding, string];

interface PackedModel {
  readonly file: string;
  readonly skeleton: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly segments: readonly Segment[];
}

/** `pack.json` of an "e5pack-1" folder: 4-bit weights in blocks of 32, and ONNX files with holes where the weights go. */
export interface Pack extends WeightLayout {
  readonly format: "e5pack-1";
  readonly models: Readonly<Record<string, PackedModel>>;
  readonly copies: readonly { readonly file: string; readonly stored: string }[];
}

export interface ExpandOptions {
  /** Which of the pack's models is wanted, by its label. Default "opset17". */
  readonly model?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

const staleAfterMilliseconds = 3_600_000;

/**
 * Expands a pack into `targetFolder` (tokenizer, configs, `onnx/model.onnx`) and returns the path of the model file.
 * The model is decoded and hashed as it is written, in a folder of its own beside the target, and moved in only when its
 * sha256 is the pack's; so a reader never sees half a file, and of two processes at once one finds the other's result and keeps it.
 * A target that already holds the model is left as it is. Memory: the packed weights (about 40 MB for e5-small) and a few MB.
 */
export async function expandPack(packFolder: string, targetFolder: string, { model: label = "opset17", signal, onProgress }: ExpandOptions = {}): Promise<string> {
  const pack = readPack(packFolder);
  const model = packedModel(pack, label, packFolder);
  if (isExpanded(targetFolder, pack, model)) return join(targetFolder, model.file);
  removeStaleParts(targetFolder);
  const part = `${targetFolder}.part-${process.pid}-${randomUUID().slice(0, 8)}`;
  try {
    await writeModel(packFolder, pack, model, join(part, model.file), signal, onProgress);
    for (const { file, stored } of pack.copies) await writeCopy(join(packFolder, stored), join(part, file));
    moveIn(part, targetFolder, [...pack.copies.map(({ file }) => file), model.file]);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return join(targetFolder, model.file);
}

/** Reads and checks `pack.json`. */
export function readPack(packFolder: string): Pack {
  const file = join(packFolder, "pack.json");
  if (!existsSync(file)) throw new ModlinguaError("backbone", "is not there, so this folder is no pack", { file, remedy: "give a folder that holds pack.json" });
  const pack = parsePack(file);
  if (pack.format !== "e5pack-1" || pack.block !== 32) {
    throw new ModlinguaError("backbone", `format ${JSON.stringify(pack.format)} with blocks of ${pack.block}; this version reads "e5pack-1" with blocks of 32`, { file });
  }
  return pack;
}

/** The entry of a pack's model; throws with the labels that exist. */
export function packedModel(pack: Pack, label: string, packFolder: string): PackedModel {
  const model = pack.models[label];
  if (model === undefined) throw unknownName("backbone", `model in the pack ${packFolder}`, label, Object.keys(pack.models));
  return model;
}

function parsePack(file: string): Pack {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Pack;
  } catch (cause) {
    throw new ModlinguaError("backbone", "is not JSON", { file, remedy: "fetch the pack again", cause });
  }
}

function isExpanded(folder: string, pack: Pack, model: PackedModel): boolean {
  return sizeOfFile(join(folder, model.file)) === model.bytes && pack.copies.every(({ file }) => existsSync(join(folder, file)));
}

function sizeOfFile(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Parts of processes that were killed more than an hour ago; no live expansion takes that long. */
function removeStaleParts(targetFolder: string): void {
  const parent = dirname(targetFolder);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${basename(targetFolder)}.part-`)) continue;
    const changed = statSync(join(parent, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - changed > staleAfterMilliseconds) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** Moves finished files to their places, the model (last in `files`) last: its presence says that all is there. */
function moveIn(part: string, target: string, files: readonly string[]): void {
  for (const file of files) {
    const [from, to] = [join(part, file), join(target, file)];
    if (sizeOfFile(to) === sizeOfFile(from)) continue;
    mkdirSync(dirname(to), { recursive: true });
    try {
      renameSync(from, to);
    } catch (cause) {
      if (sizeOfFile(to) !== sizeOfFile(from)) throw new ModlinguaError("io", "could not be moved into place", { file: to, cause });
    }
  }
}

async function writeCopy(stored: string, path: string): Promise<void> {
  const bytes = readFileSync(stored);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, stored.endsWith(".gz") ? await inflate(bytes, stored) : bytes);
}

async function writeModel(packFolder: string, pack: Pack, model: PackedModel, path: string, signal: AbortSignal | undefined, onProgress: ProgressListener | undefined): Promise<void> {
  const [weights, skeleton] = await Promise.all([readPackedWeights(packFolder, pack), readSkeleton(join(packFolder, model.skeleton))]);
  mkdirSync(dirname(path), { recursive: true });
  const writer = new HashingWriter(await open(path, "wx"), path);
  try {
    for (const chunk of modelBytes(model, skeleton, weights)) {
      throwIfAborted(signal, `expanding ${basename(packFolder)}`);
      await writer.write(chunk);
      onProgress?.({ task: `expand ${basename(packFolder)}`, done: writer.written, total: model.bytes, unit: "bytes" });
    }
  } finally {
    await writer.close();
  }
  if (writer.written !== model.bytes || writer.sha256() !== model.sha256) {
    throw new ModlinguaError("backbone", `decodes to ${writer.written} bytes with another sha256 than the ${model.bytes} bytes it promises, so a file of it is damaged`,
      { file: join(packFolder, "pack.json"), remedy: "fetch the pack again" });
  }
}

function readSkeleton(file: string): Promise<Uint8Array> {
  return inflate(readFileSync(file), file);
}

/** Writes chunk after chunk, hashing the next while the last is on its way to the disk. */
class HashingWriter {
  written = 0;
  readonly #hash = createHash("sha256");
  #pending: Promise<unknown> = Promise.resolve();

  constructor(readonly handle: FileHandle, readonly path: string) {}

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.written += chunk.byteLength;
    await this.#pending;
    this.#pending = this.handle.writeFile(chunk).catch((cause: unknown) => {
      throw writeError(this.path, cause);
    });
    this.#pending.catch(() => undefined);
  }

  async close(): Promise<void> {
    try {
      await this.#pending;
    } finally {
      await this.handle.close();
    }
  }

  sha256(): string {
    return this.#hash.digest("hex");
  }
}

/** The bytes of an ONNX file: pieces of the skeleton and, between them, weights in the encoding each segment names. */
function* modelBytes(model: PackedModel, skeleton: Uint8Array, weights: PackedWeights): Generator<Uint8Array> {
  let at = 0;
  for (const segment of model.segments) {
    if (typeof segment === "number") yield skeleton.subarray(at, (at += segment));
    else yield* weights.encode(...segment);
  }
}
