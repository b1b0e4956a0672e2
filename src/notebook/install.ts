import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ModlinguaError } from "../base/index.js";

/** Absolute path of the file that a kernel spec starts. */
export function shimPath(): string {
  return fileURLToPath(new URL("kernelShim.cjs", import.meta.url));
}

export interface KernelSpec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: string;
  readonly interrupt_mode: "signal";
}

/** The kernel spec of this installation: absolute paths of node and of the repaired tslab, so that no PATH of an editor matters. */
export function kernelSpec(): KernelSpec {
  return { argv: [process.execPath, shimPath(), "kernel", "--config-path", "{connection_file}"], display_name: "TypeScript", language: "typescript", interrupt_mode: "signal" };
}

export interface InstallOptions {
  /** Writes to `<prefix>/share/jupyter`, as Jupyter's own `--prefix`; default: the first folder of JUPYTER_PATH, else the user's data folder. */
  readonly prefix?: string;
}

/** Writes the kernel spec where Jupyter and VS Code look for it, without Python. Returns the path of the file. */
export function installKernel({ prefix }: InstallOptions = {}): string {
  const folder = join(prefix === undefined ? dataFolder() : resolve(prefix, "share", "jupyter"), "kernels", "tslab");
  const file = join(folder, "kernel.json");
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${file}.tmp`, `${JSON.stringify(kernelSpec(), null, 2)}\n`);
    renameSync(`${file}.tmp`, file);
  } catch (cause) {
    throw new ModlinguaError("io", "the kernel spec cannot be written", { file, cause, remedy: "choose another place with --prefix" });
  }
  return file;
}

/** Where Jupyter keeps a user's kernels on this platform. */
function dataFolder(): string {
  const [first] = (process.env["JUPYTER_PATH"] ?? "").split(delimiter).filter((part) => part !== "");
  if (first !== undefined) return resolve(first);
  if (process.env["JUPYTER_DATA_DIR"] !== undefined) return resolve(process.env["JUPYTER_DATA_DIR"]);
  if (process.platform === "darwin") return join(homedir(), "Library", "Jupyter");
  if (process.platform === "win32") return join(process.env["APPDATA"] ?? join(homedir(), "AppData", "Roaming"), "jupyter");
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "jupyter");
}
