import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

/** The ICD file of a software Vulkan device: the one of Debian's chromium, or the one named in MODLINGUA_VULKAN_ICD. */
const driver = process.env["MODLINGUA_VULKAN_ICD"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Why there is no such device here; undefined where there is one. */
export const noSoftwareVulkan = existsSync(driver) ? undefined : "no software Vulkan device (install chromium, or name an ICD file in MODLINGUA_VULKAN_ICD)";

/** Runs a compiled script of the tests in a process of its own that sees only that device, and gives what it printed. Chromium brings its own Vulkan loader in the folder of its driver. */
export function runOnSoftwareVulkan(script: string): string {
  const url = pathToFileURL(script).href;
  return execFileSync(process.execPath, ["--input-type=module", "-e", `await import(${JSON.stringify(url)})`], {
    encoding: "utf8", timeout: 240_000,
    env: { ...process.env, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: [dirname(driver), process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(":"), XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] ?? "." },
  });
}
