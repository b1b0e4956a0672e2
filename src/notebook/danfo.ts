import type { DataFrame } from "danfojs-node";
import { ModlinguaError } from "../base/index.js";
import type { Row } from "./table.js";

/**
 * Rows as a danfojs data frame, for looking at them in a notebook; danfojs is loaded on the first call (1 to 2 s). Missing values become NaN
 * in columns of numbers, else null. No number of this library is computed by danfojs: its group-by counts NaN, and merges keys that contain "-".
 */
export async function toDanfo(rows: readonly Row[]): Promise<DataFrame> {
  if (rows.length === 0) throw new ModlinguaError("data", "a data frame needs at least one row, got none");
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const values = columns.map((column) => columnValues(rows.map((row) => row[column])));
  const { DataFrame: Frame } = await loadDanfo();
  return new Frame(Object.fromEntries(columns.map((column, i) => [column, values[i]!])));
}

type Danfo = typeof import("danfojs-node");

async function loadDanfo(): Promise<Danfo> {
  try {
    const loaded = (await import("danfojs-node")) as Danfo & { default?: Danfo };
    return loaded.DataFrame === undefined ? loaded.default! : loaded;
  } catch (cause) {
    throw new ModlinguaError("config", "danfojs-node cannot be loaded", { cause, remedy: "install it with npm ci" });
  }
}

/** danfojs knows numbers, texts and booleans; nested values are shown as JSON. */
function columnValues(values: readonly unknown[]): (number | string | boolean | null)[] {
  const numeric = values.every((value) => typeof value === "number" || value === undefined || value === null);
  return values.map((value) => {
    if (value === undefined || value === null) return numeric ? NaN : null;
    if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
    return JSON.stringify(value);
  });
}
