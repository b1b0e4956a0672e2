import { readNotebook } from "../../notebook/index.js";
import type { Inspection } from "../inspection.js";
import { pairs } from "../table.js";

/** A notebook: its cells, its outputs, its language and what can be overridden. */
export function inspectNotebook(path: string): Inspection {
  const { cells, metadata } = readNotebook(path);
  const code = cells.filter((cell) => cell.cell_type === "code");
  const kernel = (metadata["kernelspec"] as { name?: string } | undefined)?.name ?? null;
  const facts = {
    cells: cells.length, code: code.length, markdown: cells.filter((cell) => cell.cell_type === "markdown").length,
    outputs: code.reduce((sum, { outputs }) => sum + outputs.length, 0), parameterCells: code.filter((cell) => cell.metadata.tags?.includes("parameters")).length, kernel,
  };
  const text = pairs([
    ["notebook", `${facts.cells} cells: ${facts.code} code, ${facts.markdown} text`], ["outputs", String(facts.outputs)],
    ["kernel", kernel ?? "not named"], ["parameters", facts.parameterCells === 0 ? "no cell is tagged parameters" : "one cell can be overridden"],
  ]);
  return { text, json: { kind: "notebook", ...facts } };
}
