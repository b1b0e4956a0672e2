import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ModlinguaError } from "../base/index.js";
import type { ProgressListener } from "../base/index.js";
import { packagePath } from "../data/index.js";
import { cacheRoot, huggingFaceCache } from "./cacheRoot.js";
import { downloadRepository } from "./downloadRepository.js";
import { expandPack, packedModel, readPack } from "./pack.js";

export interface ResolveOptions {
  /** For a pack: which of its models. Default "opset17". */
  readonly model?: string;
  /** For a repository of a hub: branch, tag or commit. Default "main". */
  readonly revision?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

export interface ResolvedBackbone {
  /** Holds tokenizer.json and config.json. */
  readonly folder: string;
  /** The ONNX file, as a full path. */
  readonly modelFile: string;
  /** Where it came from, in words for a result file: an embedded pack, a folder, a repository and its revision. */
  readonly origin: string;
}

/** Names of the packs that come with this package. */
export const embeddedBackbones = ["e5-small"] as const;

const modelFiles = ["onnx/model.onnx", "model.onnx"] as const;

/**
 * Finds the folder of a backbone, fetching or expanding it where needed. `nameOrPath` is, tried in this order:
 * an embedded pack ("e5-small"); a folder with onnx/model.onnx or model.onnx; a folder of a pack (pack.json);
 * a repository of the hub ("org/name"), first in the Hugging Face cache, then from HF_ENDPOINT (default https://huggingface.co).
 */
export async function resolveBackboneFolder(nameOrPath: string, options: ResolveOptions = {}): Promise<ResolvedBackbone> {
  if ((embeddedBackbones as readonly string[]).includes(nameOrPath)) return expanded(packagePath("models", nameOrPath), nameOrPath, `embedded pack ${nameOrPath}`, options);
  const folder = resolve(nameOrPath);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return fromFolder(folder, options);
  if (/^[\w.-]+\/[\w.-]+$/.test(nameOrPath) && !nameOrPath.startsWith(".")) return fromHub(nameOrPath, options);
  throw new ModlinguaError("backbone", `no backbone ${JSON.stringify(nameOrPath)}: it is neither an embedded one (${embeddedBackbones.join(", ")}) nor a folder`,
    { remedy: 'give one of these names, the path of a folder with onnx/model.onnx, or a repository as "organisation/name"' });
}

async function fromFolder(folder: string, options: ResolveOptions): Promise<ResolvedBackbone> {
  const modelFile = modelFileIn(folder);
  if (modelFile !== undefined) return { folder, modelFile, origin: `folder ${folder}` };
  if (existsSync(join(folder, "pack.json"))) return expanded(folder, "pack", `pack ${folder}`, options);
  throw new ModlinguaError("backbone", `has no ${modelFiles.join(", no ")} and no pack.json; it holds ${readdirSync(folder).slice(0, 12).join(", ") || "nothing"}`,
    { file: folder, remedy: "export the encoder to ONNX (optimum-cli export onnx --task feature-extraction) into this folder" });
}

function modelFileIn(folder: string): string | undefined {
  return modelFiles.map((file) => join(folder, file)).find(existsSync);
}

/** A pack's place in the cache carries the start of the model's sha256, so another pack of the same name is another folder. */
async function expanded(packFolder: string, name: string, origin: string, { model: label = "opset17", ...options }: ResolveOptions): Promise<ResolvedBackbone> {
  const model = packedModel(readPack(packFolder), label, packFolder);
  const folder = join(cacheRoot(), "backbones", `${name}-${model.sha256.slice(0, 12)}`);
  return { folder, modelFile: await expandPack(packFolder, folder, { ...options, model: label }), origin };
}

async function fromHub(repository: string, options: ResolveOptions): Promise<ResolvedBackbone> {
  const revision = options.revision ?? "main";
  const folder = cachedSnapshot(repository, revision) ?? (await downloadRepository(repository, { ...options, revision }));
  const modelFile = modelFileIn(folder);
  if (modelFile === undefined) throw new ModlinguaError("backbone", `${repository} has no ${modelFiles.join(" and no ")}`, { file: folder, remedy: "choose a repository with ONNX files, or export it to a folder" });
  return { folder, modelFile, origin: `hub ${repository}@${revision}` };
}

/** A snapshot that some tool left in the Hugging Face cache, if it holds a model and its tokenizer. */
function cachedSnapshot(repository: string, revision: string): string | undefined {
  const home = join(huggingFaceCache(), `models--${repository.replace("/", "--")}`);
  const reference = join(home, "refs", revision);
  const commit = existsSync(reference) ? readFileSync(reference, "utf8").trim() : revision;
  const snapshot = join(home, "snapshots", commit);
  return modelFileIn(snapshot) !== undefined && existsSync(join(snapshot, "tokenizer.json")) ? snapshot : undefined;
}
