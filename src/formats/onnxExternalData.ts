import { realpathSync, statSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { ModlinguaError } from "../base/index.js";
import type { OnnxExternalRange } from "./onnxProto.js";

/** The folder of a model as it was named, and the one its file really lies in (they differ in the Hugging Face cache, where both are links into `blobs/`). */
export interface DataFolder {
  readonly given: string;
  readonly real: string;
}

interface Where {
  readonly file: string | undefined;
  readonly place: string;
}

/**
 * The range of the data file that an initialiser with `data_location = EXTERNAL` names. The file must lie in the model's folder, also
 * after links are followed (or, where the model itself is a link, beside the file it points to), and must contain the whole range.
 */
export function resolveExternalData(keys: ReadonlyMap<string, string>, expected: number, folder: DataFolder | undefined, where: Where): OnnxExternalRange {
  const refuse = (problem: string, remedy = "put the data file beside the model, under the name the model gives it"): never => {
    throw new ModlinguaError("format", problem, { ...(where.file === undefined ? {} : { file: where.file }), place: where.place, remedy });
  };
  if (folder === undefined) return refuse("has its data in another file, but the model came as bytes", "give the folder of the data as well");
  const location = keys.get("location") ?? refuse("has external data without a location");
  if (location === "" || isAbsolute(location) || /^[a-z]:|\\|\0|_ORT_MEM_ADDR_/i.test(location) || location.split("/").includes("..")) {
    refuse(`has external data at ${JSON.stringify(location)}, which leaves the model's folder`, "do not use this file: it reads what it should not");
  }
  const file = realFile(join(folder.given, location)) ?? refuse(`needs the data file ${JSON.stringify(location)}, which is not there`);
  if (!inside(file, realpathSync(folder.given)) && !inside(file, folder.real)) refuse(`has external data at ${JSON.stringify(location)}, a link out of the model's folder`);
  const offset = wholeNumber(keys.get("offset") ?? "0") ?? refuse(`has external data at offset ${JSON.stringify(keys.get("offset"))}`);
  const size = statSync(file).size;
  const length = wholeNumber(keys.get("length") ?? String(expected)) ?? refuse(`has external data of length ${JSON.stringify(keys.get("length"))}`);
  if (length !== expected) refuse(`needs ${expected} bytes, its external data has ${length}`);
  if (offset + length > size) refuse(`has external data in bytes ${offset} to ${offset + length} of ${JSON.stringify(location)}, which has only ${size} (truncated?)`, "get the data file again");
  return { file, offset, length };
}

function realFile(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    return statSync(real).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}

function inside(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function wholeNumber(text: string): number | undefined {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}
