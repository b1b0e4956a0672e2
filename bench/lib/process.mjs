// Memory of this process, and measurements in processes of their own.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Megabytes that the process holds now (`VmRSS`) or held at most (`VmHWM`), all threads together. */
export function memory(field) {
  let status;
  try {
    status = readFileSync("/proc/self/status", "utf8");
  } catch {
    throw new Error("this system does not tell the peak memory of a process; the memory measures need Linux");
  }
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)[1]) / 1024;
}

/** Runs `bench/fresh/<name>.mjs` in a new process with arguments as JSON; it prints its result as one line of JSON. */
export async function fresh(name, options) {
  const script = fileURLToPath(new URL(`../fresh/${name}.mjs`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(options)], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** The other end of `fresh`. */
export async function answer(measure) {
  console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]))));
}
