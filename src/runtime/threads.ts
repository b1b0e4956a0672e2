import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Cores this process may use, counted without hyper-threads where the system tells (a second thread on a core does not speed up matrix products). */
export function physicalCores(): number {
  const allowed = availableParallelism();
  return Math.max(1, Math.min(allowed, linuxCores() ?? allowed));
}

function linuxCores(): number | undefined {
  try {
    const cores = readFileSync("/proc/cpuinfo", "utf8").split("\n\n").flatMap((block) => {
      const socket = /^physical id\s*: (\d+)/m.exec(block)?.[1];
      const core = /^core id\s*: (\d+)/m.exec(block)?.[1];
      return socket === undefined || core === undefined ? [] : [`${socket}/${core}`];
    });
    return cores.length === 0 ? undefined : new Set(cores).size;
  } catch {
    return undefined;
  }
}
