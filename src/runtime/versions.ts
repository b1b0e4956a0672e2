import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { physicalCores } from "./threads.js";

export interface RuntimeVersions {
  readonly onnxruntime: string;
  readonly node: string;
  /** Threads a session uses by default. */
  readonly threads: number;
}

/** What to write beside a result, so that it can be made again. */
export function runtimeVersions(): RuntimeVersions {
  const path = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  return { onnxruntime: version, node: process.versions.node, threads: physicalCores() };
}
