import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ModlinguaError, unknownName } from "../base/index.js";
import type { DeviceName } from "./protocol.js";

export type WantedDevice = "auto" | DeviceName;

export interface DeviceChoice {
  readonly device: DeviceName;
  /** Why this one, as a sentence for people. */
  readonly reason: string;
  /** The devices that were looked at and not taken, and why. */
  readonly absent: readonly { readonly device: DeviceName; readonly reason: string }[];
}

/** Whether a device gave the right product of two `size` × `size` matrices, and how long that took beside the processor. */
export type ProbeResult =
  | { readonly works: true; readonly size: number; readonly milliseconds: number; readonly cpuMilliseconds: number }
  | { readonly works: false; readonly reason: string };

export type Probe = (device: Exclude<DeviceName, "cpu">) => Promise<ProbeResult>;

/** The accelerators, the best first. */
const accelerators = ["cuda", "webgpu"] as const;

/** A software Vulkan device compiles its first shader for seconds; one that takes longer than this is of no use. */
const probeTimeout = 60_000;

/**
 * Chooses where to run. "auto" never throws: it takes the first accelerator that computes a matrix product correctly and faster
 * than the processor (a software WebGPU device is correct and slow), else the processor. A device named explicitly that does not
 * work is refused with kind "device". Each device is tried once a process, in a process of its own.
 */
export function chooseDevice(wanted: WantedDevice = "auto"): Promise<DeviceChoice> {
  return decideDevice(wanted, cachedProbe);
}

/** The decision, with the probe handed in. */
export async function decideDevice(wanted: WantedDevice, probe: Probe): Promise<DeviceChoice> {
  if (wanted === "cpu") return { device: "cpu", reason: "asked for", absent: [] };
  if (wanted === "auto") return decideAutomatically(probe);
  if (!accelerators.includes(wanted)) throw unknownName("device", "device", wanted, ["auto", "cpu", ...accelerators]);
  const result = await probe(wanted);
  if (!result.works) throw new ModlinguaError("device", `${wanted} is not there: ${result.reason}`, { remedy: 'use device: "auto" or "cpu"' });
  return { device: wanted, reason: `asked for; ${timing(result)}`, absent: [] };
}

async function decideAutomatically(probe: Probe): Promise<DeviceChoice> {
  const tried = await Promise.all(accelerators.map(async (device) => ({ device, result: await probe(device) })));
  const absent: { device: DeviceName; reason: string }[] = [];
  for (const { device, result } of tried) {
    if (!result.works) absent.push({ device, reason: result.reason });
    else if (result.milliseconds >= result.cpuMilliseconds) absent.push({ device, reason: `works, but slower than the processor: ${timing(result)}` });
    else return { device, reason: `the fastest that works; ${timing(result)}`, absent };
  }
  return { device: "cpu", reason: "no faster device works here", absent };
}

function timing({ size, milliseconds, cpuMilliseconds }: Extract<ProbeResult, { works: true }>): string {
  return `a ${size} × ${size} matrix product takes ${milliseconds.toFixed(1)} ms, on the processor ${cpuMilliseconds.toFixed(1)} ms`;
}

const probes = new Map<string, Promise<ProbeResult>>();

function cachedProbe(device: Exclude<DeviceName, "cpu">): Promise<ProbeResult> {
  const known = probes.get(device) ?? probeInProcess(device);
  probes.set(device, known);
  return known;
}

/** Tries a device in a child process: a driver that aborts, or hangs, must not take a notebook with it. */
function probeInProcess(device: Exclude<DeviceName, "cpu">): Promise<ProbeResult> {
  const program = fileURLToPath(new URL("./probe.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, device], { timeout: probeTimeout }, (error, stdout) => {
      const line = stdout.split("\n").find((text) => text.startsWith('{"works"'));
      if (line !== undefined) resolve(JSON.parse(line) as ProbeResult);
      else resolve({ works: false, reason: `trying it ended the process (${error?.signal ?? error?.code ?? "no answer"}${error?.killed ? ", it took too long" : ""})` });
    });
  });
}
