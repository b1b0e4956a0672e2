import { realpathSync, statSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { ModlinguaError } from "../base/index.js";
import type { OnnxExternalRange } from "./onnxProto.js";

/** A data file as it lies on disk. */
interface DataFile {
  readonly path: string;
  readonly size: number;
  /** Whether it lies in the model's folder once links are followed. */
  readonly contained: boolean;
}

interface Where {
  readonly file: string | undefined;
  readonly place: string;
}

/**
 * The folder of a model, in which the data of its initialisers must lie: as it was named (`given`), and where the model file
 * really is (`real`). They differ in the Hugging Face cache, where model and data are links into `blobs/`.
 */
export class DataFolder {
  private readonly files = new Map<string, DataFile | undefined>();

  constructor(private readonly given: string, private readonly real: string) {}

  /**
   * The range of the data file that an initialiser with `data_location = EXTERNAL` names: `expected` bytes, inside the file, which
   * is inside the folder (or, where the model itself is a link, beside the file it points to).
   */
  resolve(keys: ReadonlyMap<string, string>, expected: number, where: Where): OnnxExternalRange {
    const refuse = (problem: string, remedy?: string): never => refuseData(where, problem, remedy);
    const location = keys.get("location") ?? refuse("has external data without a location");
    const shown = JSON.stringify(location);
    if (leavesFolder(location)) refuse(`has external data at ${shown}, which leaves the model's folder`, "do not use this file: it reads what it should not");
    const { path, size, contained } = this.dataFile(location) ?? refuse(`needs the data file ${shown}, which is not there`);
    if (!contained) refuse(`has external data at ${shown}, a link out of the model's folder`);
    const offset = wholeNumber(keys.get("offset") ?? "0") ?? refuse(`has external data at offset ${JSON.stringify(keys.get("offset"))}`);
    const length = wholeNumber(keys.get("length") ?? String(expected)) ?? refuse(`has external data of length ${JSON.stringify(keys.get("length"))}`);
    if (length !== expected) refuse(`needs ${expected} bytes, its external data has ${length}`);
    if (offset + length > size) refuse(`has external data in bytes ${offset} to ${offset + length} of ${shown}, which has only ${size} (truncated?)`, "get the data file again");
    return { file: path, offset, length };
  }

  private dataFile(location: string): DataFile | undefined {
    if (!this.files.has(location)) this.files.set(location, this.lookUp(location));
    return this.files.get(location);
  }

  private lookUp(location: string): DataFile | undefined {
    try {
      const path = realpathSync(join(this.given, location));
      const status = statSync(path);
      return status.isFile() ? { path, size: status.size, contained: inside(path, realpathSync(this.given)) || inside(path, this.real) } : undefined;
    } catch {
      return undefined;
    }
  }
}

export function refuseData({ file, place }: Where, problem: string, remedy = "put the data file beside the model, under the name the model gives it"): never {
  throw new ModlinguaError("format", problem, { ...(file === undefined ? {} : { file }), place, remedy });
}

/** Absolute, upwards, of another system, or one of the runtime's markers for memory addresses. */
function leavesFolder(location: string): boolean {
  return location === "" || isAbsolute(location) || /^[a-z]:|\\|\0|_ORT_MEM_ADDR_/i.test(location) || location.split("/").includes("..");
}

function inside(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function wholeNumber(text: string): number | undefined {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}
