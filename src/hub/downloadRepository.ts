import { join } from "node:path";
import { ModlinguaError } from "../base/index.js";
import { cacheRoot } from "./cacheRoot.js";
import { download, hubEndpoint } from "./download.js";
import type { DownloadOptions } from "./download.js";

/** Files of an encoder on the hub; the model comes last, so that its presence says that all is there. */
const repositoryFiles = [
  { file: "config.json", needed: true }, { file: "tokenizer.json", needed: true }, { file: "tokenizer_config.json", needed: true },
  { file: "special_tokens_map.json", needed: false }, { file: "onnx/model.onnx_data", needed: false }, { file: "onnx/model.onnx", needed: true },
] as const;

/**
 * Fetches an encoder ("org/name") from HF_ENDPOINT (default https://huggingface.co) into `<cache>/hub/org--name/<revision>` and returns that folder.
 * Files already there are used as they are, also for a moving revision such as "main"; remove the folder to fetch anew.
 */
export async function downloadRepository(repository: string, { revision = "main", ...options }: DownloadOptions & { readonly revision?: string } = {}): Promise<string> {
  const folder = join(cacheRoot(options.env), "hub", repository.replace("/", "--"), revision);
  const endpoint = (options.env ?? process.env)["HF_ENDPOINT"] || hubEndpoint;
  for (const { file, needed } of repositoryFiles) {
    const request = { addresses: [`${endpoint.replace(/\/$/, "")}/${repository}/resolve/${encodeURIComponent(revision)}/${file}`], file: join(folder, file), title: `${repository}/${file}` };
    try {
      await download(request, options);
    } catch (error) {
      if (needed || !isAbsence(error)) throw error;
    }
  }
  return folder;
}

/** An optional file that is not on the hub, or not in the cache while offline, is no failure. */
function isAbsence(error: unknown): boolean {
  return error instanceof ModlinguaError && error.kind === "download" && /answered 404|forbids fetching/.test(error.message);
}
