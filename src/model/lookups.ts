import { closeSync, openSync, readSync } from "node:fs";
import { ModlinguaError, type Tensor, bytesPerElement, sizeOf, tensorFromBytes } from "../base/index.js";
import type { ExternalData, Graph, Node } from "../onnx/index.js";

/** A matrix that stays in its file: a run is fed with the rows that its row numbers name. */
export interface Lookup {
  /** The graph input that takes the rows, [...row numbers, width]. */
  readonly input: string;
  /** The feed with the row numbers. */
  readonly rowNumbers: string;
  readonly table: ExternalData;
}

/**
 * Puts an input in the place of every Gather that reads rows of a matrix in a file by a graph input, where nothing else
 * reads the matrix. Such are word embeddings: of a vocabulary of 250 000 a batch needs some hundred rows, but the runtime maps
 * (and a device would hold) far more around them.
 */
export function takeLookups(graph: Graph): Lookup[] {
  return graph.sortedNodes().flatMap((node) => {
    const table = tableOf(graph, node);
    if (table === undefined) return [];
    const rowNumbers = node.input(1);
    const rows = graph.addInput(graph.freshName(`${node.name}/rows`), table.dtype, [...rowNumbers.shape!, table.dims[1]!]);
    graph.replaceUses(node.output(), rows);
    graph.removeNode(node);
    return [{ input: rows.name, rowNumbers: rowNumbers.name, table }];
  });
}

function tableOf(graph: Graph, node: Node): ExternalData | undefined {
  const [matrix, rowNumbers] = node.inputs;
  const isLookup = node.op === "Gather" && node.domain === "" && node.number("axis", 0) === 0 && matrix?.shape?.length === 2 && matrix.uses.size === 1;
  if (!isLookup || rowNumbers?.shape === undefined || !graph.inputs.includes(rowNumbers) || graph.outputs.includes(node.output())) return undefined;
  return matrix?.data !== undefined && "external" in matrix.data ? matrix.data.external : undefined;
}

/** Reads the rows of lookups from their files, which stay open until `close`. */
export class RowReader {
  private readonly descriptors: readonly number[];

  constructor(private readonly lookups: readonly Lookup[]) {
    this.descriptors = lookups.map(({ table }) => openSync(table.file, "r"));
  }

  /** The inputs that the lookups stand for, from the feeds with their row numbers. */
  feeds(given: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    return Object.fromEntries(this.lookups.flatMap((lookup, index) => {
      const rowNumbers = given[lookup.rowNumbers];
      return rowNumbers === undefined ? [] : [[lookup.input, readRows(this.descriptors[index]!, lookup.table, rowNumbers)]];
    }));
  }

  close(): void {
    for (const descriptor of this.descriptors) closeSync(descriptor);
  }
}

function readRows(descriptor: number, { file, offset, dtype, dims }: ExternalData, { data, dims: batch }: Tensor): Tensor {
  const [rows, width] = dims as [number, number];
  const stride = width * bytesPerElement[dtype];
  const bytes = new Uint8Array(sizeOf(batch) * stride);
  const places = new Map<number, number>();
  data.forEach((given: number | bigint, position: number) => {
    const row = Number(given);
    const at = position * stride;
    const known = places.get(row);
    if (known !== undefined) bytes.copyWithin(at, known, known + stride);
    else readRow(descriptor, bytes, at, stride, offset, row, rows, file);
    places.set(row, at);
  });
  return tensorFromBytes(dtype, [...batch, width], bytes);
}

function readRow(descriptor: number, bytes: Uint8Array, at: number, stride: number, offset: number, row: number, rows: number, file: string): void {
  if (!(row >= 0 && row < rows)) throw new ModlinguaError("data", `there is no row ${row} in a matrix of ${rows} rows`, { file, remedy: "use the tokenizer that lies beside the model" });
  const read = readSync(descriptor, bytes, at, stride, offset + row * stride);
  if (read < stride) throw new ModlinguaError("io", `ends within row ${row} of a weight`, { file, remedy: "fetch the model again" });
}
