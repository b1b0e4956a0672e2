import { ModlinguaError, sizeOf } from "../../base/index.js";
import { type SafetensorsFile, openSafetensors } from "../../formats/index.js";
import { type TaskName, taskOf } from "../../heads/index.js";
import { loadAdapter, loadFusion, loadHead } from "../../hub/index.js";
import type { Inspection } from "../inspection.js";
import { grouped, pairs, table } from "../table.js";

/** A module of this library with its configuration and card (its checksum is verified), or any other safetensors file with its tensors. */
export function inspectSafetensors(path: string): Inspection {
  const file = openSafetensors(path);
  const tensors = [...file.entries].map(([name, { dtype, dims }]) => ({ name, dtype, dims }));
  const parameters = tensors.reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  const described = file.metadata.has("modlingua") ? moduleFacts(file.metadata.get("modlingua")!, path) : foreignFacts(file);
  const listed = table(["tensor", "type", "shape"], tensors.map(({ name, dtype, dims }) => [name, dtype, `[${dims.join(", ")}]`]));
  const facts = Object.entries({ ...described, parameters: grouped(parameters) }).map(([key, value]) => [key, briefly(value)] as const);
  return { text: `${pairs(facts)}\n\n${listed}`, json: { ...described, parameters, tensors } };
}

function foreignFacts({ metadata }: SafetensorsFile): { kind: string; metadata: Readonly<Record<string, string>> } {
  return { kind: "safetensors", metadata: Object.fromEntries(metadata) };
}

function moduleFacts(description: string, path: string): { kind: string } & Readonly<Record<string, unknown>> {
  const { kind = "", task } = kindOf(description, path);
  if (kind === "head") {
    const head = loadHead(path, task as TaskName);
    return { kind, name: head.name, task: head.task, about: taskOf(head.task).about, config: head.config, seed: head.seed };
  }
  if (kind === "fusion") {
    const { name, seed, card } = loadFusion(path);
    return { kind, name, seed, card };
  }
  const { name, config, base = null, seed, card } = loadAdapter(path);
  return { kind, name, config, base, seed, card };
}

function kindOf(description: string, file: string): { kind?: string; task?: string } {
  try {
    return JSON.parse(description) as { kind?: string; task?: string };
  } catch (cause) {
    throw new ModlinguaError("format", "the module's description is not JSON", { file, place: "__metadata__.modlingua", cause, remedy: "save the module again" });
  }
}

/** A value on one line; long ones (loss curves) are cut. */
function briefly(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
