import { readFileSync, renameSync, writeFileSync, mkdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { ModlinguaError } from "../base/index.js";

/** What one display holds, by mime type; texts are joined lines. */
export type MimeBundle = Readonly<Record<string, unknown>>;

export interface StreamOutput { readonly output_type: "stream"; readonly name: "stdout" | "stderr"; readonly text: string }
export interface DisplayOutput { readonly output_type: "display_data"; readonly data: MimeBundle; readonly metadata: Readonly<Record<string, unknown>> }
export interface ResultOutput { readonly output_type: "execute_result"; readonly data: MimeBundle; readonly metadata: Readonly<Record<string, unknown>>; readonly execution_count: number | null }
export interface ErrorOutput { readonly output_type: "error"; readonly ename: string; readonly evalue: string; readonly traceback: readonly string[] }
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

export interface CellMetadata {
  readonly tags?: readonly string[];
  readonly [key: string]: unknown;
}

interface CellBase { readonly id: string; readonly metadata: CellMetadata; readonly source: string }
export interface CodeCell extends CellBase { readonly cell_type: "code"; readonly execution_count: number | null; readonly outputs: readonly Output[] }
export interface MarkdownCell extends CellBase { readonly cell_type: "markdown"; readonly attachments?: Readonly<Record<string, MimeBundle>> }
export interface RawCell extends CellBase { readonly cell_type: "raw"; readonly attachments?: Readonly<Record<string, MimeBundle>> }
export type Cell = CodeCell | MarkdownCell | RawCell;

/** A notebook in memory: nbformat 4.5, with every text as one string instead of a list of lines. */
export interface Notebook {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly nbformat: 4;
  readonly nbformat_minor: number;
  readonly cells: readonly Cell[];
}

/** Reads an .ipynb file; refuses what is not a notebook of format 4, naming the cell and the field. */
export function readNotebook(path: string): Notebook {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ModlinguaError("io", "the notebook cannot be read", { file: path, cause, remedy: "check the path" });
  }
  return parseNotebook(text, path);
}

/** As `readNotebook`, from text; `file` is named in refusals. */
export function parseNotebook(text: string, file = "notebook"): Notebook {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new ModlinguaError("format", `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { file, cause, remedy: "open and save it in a notebook editor, or restore it from version control" });
  }
  const reader = new Reader(file);
  const root = reader.object(json, "the file");
  if (root["nbformat"] !== 4) throw new ModlinguaError("format", `nbformat is ${JSON.stringify(root["nbformat"])}, expected 4`, { file, place: "nbformat", remedy: "convert it: open and save it in a current notebook editor" });
  const minor = root["nbformat_minor"];
  if (typeof minor !== "number" || !Number.isInteger(minor) || minor < 0) throw new ModlinguaError("format", `nbformat_minor is ${JSON.stringify(minor)}, expected an integer`, { file, place: "nbformat_minor" });
  const cells = reader.array(root["cells"], "cells").map((cell, i) => reader.cell(cell, i));
  reader.distinctIds(cells);
  return { metadata: reader.object(root["metadata"] ?? {}, "metadata"), nbformat: 4, nbformat_minor: minor, cells };
}

/** Checks and normalises one field at a time; every refusal says where. */
class Reader {
  constructor(private readonly file: string) {}

  private refuse(place: string, expected: string, given: unknown): never {
    throw new ModlinguaError("format", `expected ${expected}, got ${given === undefined ? "nothing" : (JSON.stringify(given) ?? String(given)).slice(0, 60)}`, { file: this.file, place });
  }

  object(value: unknown, place: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) this.refuse(place, "an object", value);
    return value as Record<string, unknown>;
  }

  array(value: unknown, place: string): readonly unknown[] {
    return Array.isArray(value) ? value : this.refuse(place, "a list", value);
  }

  /** A multi-line text: one string or a list of strings. */
  text(value: unknown, place: string): string {
    if (typeof value === "string") return value;
    if (Array.isArray(value) && value.every((line) => typeof line === "string")) return value.join("");
    return this.refuse(place, "a text or a list of lines", value);
  }

  oneOf<Name extends string>(value: unknown, names: readonly Name[], place: string): Name {
    return names.find((name) => name === value) ?? this.refuse(place, `one of ${names.join(", ")}`, value);
  }

  private count(value: unknown, place: string): number | null {
    return value === null || value === undefined || (typeof value === "number" && Number.isInteger(value)) ? value ?? null : this.refuse(place, "an integer or null", value);
  }

  cell(value: unknown, index: number): Cell {
    const place = `cell ${index + 1}`;
    const cell = this.object(value, place);
    const source = this.text(cell["source"], `${place}, source`);
    const metadata = this.metadata(cell["metadata"] ?? {}, `${place}, metadata`);
    const kind = this.oneOf(cell["cell_type"], ["code", "markdown", "raw"], `${place}, cell_type`);
    // Before 4.5 cells had no ids: the empty one is filled in by `stripNotebook` and reported by `lintNotebook`.
    const id = cell["id"] === undefined ? "" : this.text(cell["id"], `${place}, id`);
    if (kind !== "code") return { cell_type: kind, id, metadata, source, ...(cell["attachments"] === undefined ? {} : { attachments: this.object(cell["attachments"], `${place}, attachments`) as Record<string, MimeBundle> }) };
    const outputs = this.array(cell["outputs"] ?? [], `${place}, outputs`).map((output, i) => this.output(output, `${place}, output ${i + 1}`));
    return { cell_type: "code", id, metadata, source, execution_count: this.count(cell["execution_count"], `${place}, execution_count`), outputs };
  }

  private metadata(value: unknown, place: string): CellMetadata {
    const { tags, ...rest } = this.object(value, place);
    if (tags === undefined) return rest;
    return { ...rest, tags: this.array(tags, `${place}, tags`).map((tag) => (typeof tag === "string" ? tag : this.refuse(`${place}, tags`, "a text", tag))) };
  }

  private output(value: unknown, place: string): Output {
    const output = this.object(value, place);
    const kind = this.oneOf(output["output_type"], ["stream", "display_data", "execute_result", "error"], `${place}, output_type`);
    if (kind === "stream") return { output_type: kind, name: this.oneOf(output["name"], ["stdout", "stderr"], `${place}, name`), text: this.text(output["text"], `${place}, text`) };
    if (kind === "error") {
      const traceback = this.array(output["traceback"], `${place}, traceback`).map((line) => this.text(line, `${place}, traceback`));
      return { output_type: kind, ename: this.text(output["ename"], `${place}, ename`), evalue: this.text(output["evalue"], `${place}, evalue`), traceback };
    }
    const shown = { data: this.bundle(output["data"], `${place}, data`), metadata: this.object(output["metadata"] ?? {}, `${place}, metadata`) };
    return kind === "display_data" ? { output_type: kind, ...shown } : { output_type: kind, ...shown, execution_count: this.count(output["execution_count"], `${place}, execution_count`) };
  }

  private bundle(value: unknown, place: string): MimeBundle {
    return Object.fromEntries(Object.entries(this.object(value, place)).map(([mime, data]) => [mime, isJsonMime(mime) ? data : this.text(data, `${place}, ${mime}`)]));
  }

  distinctIds(cells: readonly Cell[]): void {
    const seen = new Set<string>();
    for (const [i, { id }] of cells.entries()) {
      if (id !== "" && seen.has(id)) throw new ModlinguaError("format", `the cell id ${JSON.stringify(id)} is used twice`, { file: this.file, place: `cell ${i + 1}`, remedy: "give every cell its own id" });
      seen.add(id);
    }
  }
}

function isJsonMime(mime: string): boolean {
  return mime === "application/json" || mime.endsWith("+json");
}

/** The text of an .ipynb file as Jupyter writes it: texts as lists of lines, indent 1, a final newline. */
export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map(({ id, source, ...cell }) => ({
    ...cell,
    ...(id === "" ? {} : { id }),
    source: lines(source),
    ...("outputs" in cell ? { outputs: cell.outputs.map(formatOutput) } : {}),
  }));
  return `${JSON.stringify(sorted({ ...notebook, cells }), null, 1)}\n`;
}

function formatOutput(output: Output): Record<string, unknown> {
  if (output.output_type === "stream") return { ...output, text: lines(output.text) };
  if (output.output_type === "error") return { ...output };
  // Long base64 stays one string, as in files written by Jupyter.
  const data = Object.entries(output.data).map(([mime, value]) => [mime, typeof value === "string" && !/^(image\/(?!svg)|application\/pdf)/.test(mime) && !isJsonMime(mime) ? lines(value) : value]);
  return { ...output, data: Object.fromEntries(data) };
}

/** Lines that keep their newline. */
function lines(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

/** Keys in alphabetical order at the levels that Jupyter sorts, so that a save by an editor makes no diff; displayed data keeps its own order. */
function sorted(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1));
  if (typeof value !== "object" || value === null || depth > 8) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, key === "data" ? item : sorted(item, depth + 1)]));
}

/** Writes a notebook so that a reader never sees half of it: into a neighbour first, then renamed. */
export function writeNotebook(path: string, notebook: Notebook): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, formatNotebook(notebook));
    renameSync(temporary, path);
  } catch (cause) {
    throw new ModlinguaError("io", "the notebook cannot be written", { file: path, cause, remedy: "check the folder, its permissions and the free space" });
  }
}

/** An id for a cell that has none: from its place and content, so that it is the same on every machine. */
export function cellIdFor(index: number, source: string): string {
  return createHash("sha256").update(`${index}\n${source}`).digest("hex").slice(0, 8);
}
