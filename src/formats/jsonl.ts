import { ModlinguaError } from "../base/index.js";
import { type Line, type LineParser, lineRefusal, parseLines, readLines } from "./lines.js";

export interface JsonlOptions {
  /**
   * Called with a last line that has no line break and is not JSON: what a killed writer leaves. The line is dropped.
   * Default: it is refused like any other broken line.
   */
  readonly onTornLine?: (line: Line) => void;
  /** For messages. */
  readonly file?: string;
}

export interface JsonlRecord {
  readonly line: number;
  readonly value: unknown;
}

/** Reads one JSON value a line; empty lines are skipped. Throws "format" with the line number. */
export function parseJsonl(text: string, options: JsonlOptions = {}): JsonlRecord[] {
  return parseLines(text, jsonlParser(options));
}

/** Reads such a file (also `.gz`) record by record. */
export function readJsonl(path: string, options: JsonlOptions = {}): AsyncGenerator<JsonlRecord> {
  return readLines(path, jsonlParser({ file: path, ...options }));
}

function jsonlParser({ onTornLine, file }: JsonlOptions): LineParser<JsonlRecord> {
  const refuse = lineRefusal(file);
  const line = (given: Line): JsonlRecord | undefined => {
    if (given.text.trim() === "") return undefined;
    try {
      return { line: given.number, value: JSON.parse(given.text) as unknown };
    } catch (cause) {
      if (given.ended || onTornLine === undefined) return refuse(given.number, `is not JSON (${(cause as Error).message})`);
      onTornLine(given);
      return undefined;
    }
  };
  return { line, end: () => undefined };
}

/** The text of records, one a line. Throws "format" for NaN and infinities, which JSON would silently turn into null. */
export function formatJsonl(values: Iterable<unknown>): string {
  return Array.from(values, (value) => `${JSON.stringify(value, refuseNonFinite)}\n`).join("");
}

function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new ModlinguaError("format", `the number ${value} cannot be written as JSON`, { place: `key ${JSON.stringify(key)}` });
  return value;
}
