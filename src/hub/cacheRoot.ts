import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder everything fetched or expanded is kept in: MODLINGUA_CACHE, or `modlingua` in XDG_CACHE_HOME or ~/.cache. */
export function cacheRoot(env: Environment = process.env): string {
  return env["MODLINGUA_CACHE"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "modlingua");
}

/** The Hugging Face cache, shared with other tools: HUGGINGFACE_HUB_CACHE (or HF_HUB_CACHE), or `hub` in HF_HOME or ~/.cache/huggingface. */
export function huggingFaceCache(env: Environment = process.env): string {
  return env["HUGGINGFACE_HUB_CACHE"] || env["HF_HUB_CACHE"] || join(env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "huggingface"), "hub");
}

/** True where MODLINGUA_OFFLINE or HF_HUB_OFFLINE says that nothing may be fetched. */
export function isOffline(env: Environment = process.env): boolean {
  return [env["MODLINGUA_OFFLINE"], env["HF_HUB_OFFLINE"]].some((value) => value !== undefined && !["", "0", "false", "no"].includes(value.toLowerCase()));
}

export { packagePath } from "../data/index.js";
