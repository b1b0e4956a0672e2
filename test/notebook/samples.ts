import { mkdirSync, mkdtempSync } from "node:fs";
import type { Cell, CodeCell, MarkdownCell, Notebook, Output } from "#src/notebook/index.js";
import { normalMetadata } from "#src/notebook/strip.js";

/** A folder inside the project, so that a kernel working there finds its node_modules. */
export function temporaryFolder(): string {
  mkdirSync("build/tmp", { recursive: true });
  return mkdtempSync("build/tmp/notebook-");
}

let made = 0;

export function code(source: string, tags: readonly string[] = [], outputs: readonly Output[] = []): CodeCell {
  return { cell_type: "code", id: `cell-${made++}`, metadata: tags.length === 0 ? {} : { tags }, source, execution_count: null, outputs };
}

export function text(source: string): MarkdownCell {
  return { cell_type: "markdown", id: `cell-${made++}`, metadata: {}, source };
}

export function notebook(...cells: readonly Cell[]): Notebook {
  return { metadata: normalMetadata, nbformat: 4, nbformat_minor: 5, cells };
}
