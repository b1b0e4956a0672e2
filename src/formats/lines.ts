import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ModlinguaError } from "../base/index.js";

export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Whether a line break follows; false only for a last line that may be torn. */
  readonly ended: boolean;
}

/** Turns lines into items, one at a time, so that the same rules serve a text in memory and a file larger than memory. */
export interface LineParser<Item> {
  /** Takes the next line; gives an item when the line completes one. */
  line(line: Line): Item | undefined;
  /** Called once after the last line. */
  end(): Item | undefined;
}

/** The lines of a text, without their breaks (LF or CRLF) and without a byte order mark at the beginning. */
export function* textLines(text: string): Generator<Line> {
  let start = text.startsWith("\ufeff") ? 1 : 0;
  for (let number = 1; start < text.length; number++) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    yield { text: withoutReturn(text.slice(start, end)), number, ended: found >= 0 };
    start = end + 1;
  }
}

/**
 * The lines of a file of any size, unpacked where its name ends in `.gz`. Throws "io" where it cannot be read, "format" where
 * it is not UTF-8 or not gzip.
 */
export async function* fileLines(path: string): AsyncGenerator<Line> {
  let rest = "";
  let number = 0;
  try {
    for await (const piece of decoded(path)) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const text of lines) yield { text: withoutReturn(text), number: ++number, ended: true };
    }
  } catch (cause) {
    throw readError(path, number + 1, cause);
  }
  if (rest !== "") yield { text: withoutReturn(rest), number: number + 1, ended: false };
}

async function* decoded(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of opened(path)) yield decoder.decode(chunk as Uint8Array, { stream: true });
  yield decoder.decode();
}

function opened(path: string): Readable {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  if (!path.endsWith(".gz")) return file;
  const unpacked = createGunzip();
  file.on("error", (error) => unpacked.destroy(error));
  unpacked.on("close", () => file.destroy());
  return file.pipe(unpacked);
}

function withoutReturn(text: string): string {
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}

function readError(file: string, line: number, cause: unknown): ModlinguaError {
  if (cause instanceof ModlinguaError) return cause;
  const { code = "", message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return new ModlinguaError("io", "there is no such file", { file, remedy: "check the path", cause });
  const place = `line ${line} or soon after`;
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return new ModlinguaError("format", "is not UTF-8", { file, place, remedy: "convert it to UTF-8", cause });
  if (code.startsWith("Z_")) return new ModlinguaError("format", `is not a whole gzip file (${message})`, { file, place, remedy: "get the file again", cause });
  return new ModlinguaError("io", `cannot be read (${message})`, { file, cause });
}

/** The items of a text. */
export function parseLines<Item>(text: string, parser: LineParser<Item>): Item[] {
  const items: Item[] = [];
  const keep = (item: Item | undefined): void => {
    if (item !== undefined) items.push(item);
  };
  for (const line of textLines(text)) keep(parser.line(line));
  keep(parser.end());
  return items;
}

/** The items of a file, as they come. */
export async function* readLines<Item>(path: string, parser: LineParser<Item>): AsyncGenerator<Item> {
  for await (const line of fileLines(path)) {
    const item = parser.line(line);
    if (item !== undefined) yield item;
  }
  const last = parser.end();
  if (last !== undefined) yield last;
}

/** A function that refuses a line, saying where and what was expected. */
export function lineRefusal(file: string | undefined): (line: number, problem: string, remedy?: string) => never {
  return (line, problem, remedy) => {
    throw new ModlinguaError("format", problem, { ...(file === undefined ? {} : { file }), place: `line ${line}`, ...(remedy === undefined ? {} : { remedy }) });
  };
}

/** The `key = value` pairs among comment lines. */
export function commentEntries(comments: readonly string[]): Map<string, string> {
  const entries = new Map<string, string>();
  for (const comment of comments) {
    const [, key, value] = /^#\s*(.+?)\s*=\s*(.*)$/.exec(comment) ?? [];
    if (key !== undefined && value !== undefined) entries.set(key, value);
  }
  return entries;
}
