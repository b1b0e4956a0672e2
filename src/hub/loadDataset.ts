import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { ModlinguaError } from "../base/index.js";
import { packagePath, readSplit } from "../data/index.js";
import type { Dataset, DatasetTask, FilePart, OpenedPart, SplitOf } from "../data/index.js";
import { cacheRoot } from "./cacheRoot.js";
import { download } from "./download.js";
import type { DownloadOptions } from "./download.js";

export interface LoadDatasetOptions<T extends DatasetTask = DatasetTask> extends DownloadOptions {
  /** Default: the first task of the data set ("tagging" for townhall). */
  readonly task?: T;
  /** A folder of one's own with the files of the set, gzipped or not, under the paths of its manifest. Default: MODLINGUA_DATA, if it has the file. */
  readonly folder?: string;
  /** At most so many examples. */
  readonly limit?: number;
}

/**
 * Loads a split of a data set for a task, e.g. `loadDataset("masakhaner2", "sw", "test")`. Looked for in this order: the folder given;
 * the package itself (townhall); MODLINGUA_DATA; the cache; the address in the manifest (its sha256 decides), from a mirror if need be.
 * Language: ISO 639-1, 639-3, English name, or the set's own code. Split: train, dev, test. Throws "data" or "download", saying what exists.
 */
export async function loadDataset<T extends DatasetTask = DatasetTask>(name: string, language: string, split = "train", { task, limit, ...options }: LoadDatasetOptions<T> = {}): Promise<{ [K in T]: SplitOf<K> }[T]> {
  return readSplit<T>(name, language, split, {
    ...(task === undefined ? {} : { task }),
    ...(limit === undefined ? {} : { limit }),
    open: async (part, dataset) => openPart(await placeOf(part, dataset, options)),
  });
}

async function placeOf(part: FilePart, dataset: Dataset, options: LoadDatasetOptions): Promise<string> {
  if (options.folder !== undefined) return inFolder(options.folder, part) ?? notInFolder(options.folder, part, dataset);
  if (dataset.embedded === true) return packagePath("datasets", part.path);
  const env = options.env ?? process.env;
  return inFolder(env["MODLINGUA_DATA"], part) ?? (await fetchPart(part, dataset, options, env));
}

function inFolder(folder: string | undefined, part: FilePart): string | undefined {
  return folder === undefined || folder === "" ? undefined : [part.path, `${part.path}.gz`].map((path) => join(resolve(folder), path)).find(existsSync);
}

function notInFolder(folder: string, part: FilePart, dataset: Dataset): never {
  throw new ModlinguaError("data", `the folder given for ${dataset.title} has no such file, with or without .gz`, { file: join(folder, part.path), remedy: "put the file there, or leave out the folder" });
}

async function fetchPart(part: FilePart, dataset: Dataset, options: LoadDatasetOptions, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const cached = join(cacheRoot(env), "datasets", part.path);
  if (part.address === undefined) {
    throw new ModlinguaError("download", `no public address serves this file of ${dataset.title} as it is needed`, { file: part.path, remedy: "put it into a folder under this path and set MODLINGUA_DATA to that folder" });
  }
  const { bytes, sha256 } = part.original ?? part;
  return download({ addresses: mirrorsOf(part.address, env["MODLINGUA_MIRROR"]), file: cached, bytes, sha256, title: `${dataset.name}: ${part.path}` }, options);
}

const githubFiles = "https://raw.githubusercontent.com/";

/** The address, a public mirror of it, and before both the mirror of one's own that MODLINGUA_MIRROR names in place of raw.githubusercontent.com. */
function mirrorsOf(address: string, own: string | undefined): string[] {
  if (!address.startsWith(githubFiles)) return [address];
  const path = address.slice(githubFiles.length);
  const [owner, repository, revision, ...rest] = path.split("/");
  const mirrors = [address, `https://cdn.jsdelivr.net/gh/${owner}/${repository}@${revision}/${rest.join("/")}`];
  return own === undefined || own === "" ? mirrors : [`${own.replace(/\/$/, "")}/${path}`, ...mirrors];
}

/** Text and checksum of a file, unpacked. */
function openPart(file: string): OpenedPart {
  const stored = readFileSync(file);
  const bytes = file.endsWith(".gz") ? unzipped(stored, file) : stored;
  return { text: decoded(bytes, file), file, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function unzipped(stored: Uint8Array, file: string): Uint8Array {
  try {
    return gunzipSync(stored);
  } catch (cause) {
    throw new ModlinguaError("format", `is not a whole gzip file (${(cause as Error).message})`, { file, remedy: "get the file again", cause });
  }
}

function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModlinguaError("format", "is not UTF-8", { file, remedy: "convert it to UTF-8", cause });
  }
}
