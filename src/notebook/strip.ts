import type { Cell, Notebook } from "./notebookFile.js";
import { cellIdFor } from "./notebookFile.js";

/** What every committed notebook says of itself; whatever an editor adds is local and not kept. */
export const normalMetadata = {
  kernelspec: { display_name: "TypeScript", language: "typescript", name: "tslab" },
  language_info: { file_extension: ".ts", mimetype: "text/typescript", name: "typescript" },
} as const;

/** The notebook as it is committed: no outputs, no counts, no injected parameters, an id in every cell, normal metadata. Stripping twice changes nothing. */
export function stripNotebook(notebook: Notebook): Notebook {
  const kept = notebook.cells.filter((cell) => cell.metadata.tags?.includes("injected-parameters") !== true);
  return { metadata: normalMetadata, nbformat: 4, nbformat_minor: 5, cells: kept.map(stripCell) };
}

function stripCell(cell: Cell, index: number): Cell {
  const { tags = [] } = cell.metadata;
  const shared = { id: cell.id === "" ? cellIdFor(index, cell.source) : cell.id, metadata: tags.length === 0 ? {} : { tags } };
  return cell.cell_type === "code" ? { ...cell, ...shared, execution_count: null, outputs: [] } : { ...cell, ...shared };
}
