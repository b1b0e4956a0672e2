import { dirname, resolve } from "node:path";
import type { Progress } from "../base/index.js";
import { ModlinguaError } from "../base/index.js";
import type { Json } from "../figures/index.js";
import type { ExecutionEnd } from "./kernelClient.js";
import { KernelClient } from "./kernelClient.js";
import type { Cell, CodeCell, Notebook, Output } from "./notebookFile.js";
import { readNotebook, writeNotebook } from "./notebookFile.js";
import { OutputCollector } from "./outputs.js";
import { progressMime } from "./progress.js";

export interface RunOptions {
  /** File that receives the executed notebook, after every cell and at the end; without it the source stays untouched and the result is only in the report. */
  readonly out?: string;
  /** Constants that replace those of the cell tagged `parameters`. */
  readonly parameters?: Readonly<Record<string, Json>>;
  /** Longest time a cell may take; default 1800. */
  readonly timeoutSeconds?: number;
  /** Goes on after a cell that fails (a cell tagged `raises-exception` may fail anyhow); default false. */
  readonly allowErrors?: boolean;
  readonly onCell?: (cell: CellReport) => void;
  /** What cells print, as it comes. */
  readonly onStream?: (name: "stdout" | "stderr", text: string) => void;
  /** Progress that a notebook shows by `progressBar`. */
  readonly onProgress?: (progress: Progress) => void;
  /** What the kernel process itself prints: native libraries, children of cells. */
  readonly onLog?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export type CellStatus = ExecutionEnd["status"] | "skipped";

export interface CellReport {
  /** Number from 1 in the executed notebook, markdown cells counted. */
  readonly cell: number;
  /** How many cells the executed notebook has. */
  readonly of: number;
  readonly id: string;
  readonly status: CellStatus;
  readonly seconds: number;
  readonly failure?: CellFailure;
}

export interface CellFailure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export interface RunReport {
  /** "ok", or how the first cell that was not allowed to fail failed. */
  readonly status: ExecutionEnd["status"];
  readonly seconds: number;
  /** Code cells in order; cells after a failure are not listed. */
  readonly cells: readonly CellReport[];
  readonly failure?: CellFailure & { readonly cell: number };
  /** The executed notebook, as it was saved. */
  readonly notebook: Notebook;
}

/** tslab drops every request that comes within 200 ms of an error. */
const afterErrorMs = 300;

/**
 * Executes a notebook in the real tslab kernel, without Jupyter or Python: cell by cell, stopping at the first that fails, saving after each.
 * A cell fails by an error, by an unhandled rejection in its output, by the kernel's death, by the timeout or by an abort.
 * A failure is reported, not thrown; thrown are a notebook that cannot be read or written and a kernel that does not start.
 */
export async function runNotebook(path: string, options: RunOptions = {}): Promise<RunReport> {
  const started = performance.now();
  const notebook = injectParameters(readNotebook(path), options.parameters, path);
  const kernel = await KernelClient.start({ folder: dirname(resolve(path)), signal: options.signal, onLog: options.onLog });
  try {
    const run = new NotebookRun(notebook, kernel, options);
    const failure = await run.all();
    const seconds = (performance.now() - started) / 1000;
    return { status: failure?.status ?? "ok", seconds, cells: run.reports, notebook: run.notebook(), ...(failure?.failure === undefined ? {} : { failure: { ...failure.failure, cell: failure.cell } }) };
  } finally {
    await kernel.close();
  }
}

class NotebookRun {
  readonly reports: CellReport[] = [];
  private readonly collector = new OutputCollector();
  private readonly outputs: Output[][];
  private readonly counts: (number | null)[];

  constructor(private readonly source: Notebook, private readonly kernel: KernelClient, private readonly options: RunOptions) {
    this.outputs = source.cells.map(() => []);
    this.counts = source.cells.map(() => null);
  }

  /** The notebook as far as it has run. */
  notebook(): Notebook {
    return { ...this.source, cells: this.source.cells.map((cell, i) => (cell.cell_type === "code" ? { ...cell, outputs: [...this.outputs[i]!], execution_count: this.counts[i]! } : cell)) };
  }

  /** Runs all cells; returns the report of the one that ended the run, if any did. */
  async all(): Promise<(CellReport & { status: ExecutionEnd["status"] }) | undefined> {
    this.save();
    for (const [i, cell] of this.source.cells.entries()) {
      if (cell.cell_type !== "code") continue;
      const report = await this.one(cell, i);
      this.reports.push(report);
      this.save();
      this.options.onCell?.(report);
      const { status } = report;
      if (status === "ok" || status === "skipped") continue;
      const allowed = status === "error" && (this.options.allowErrors === true || hasTag(cell, "raises-exception"));
      if (!allowed) return { ...report, status };
      await new Promise((resolve) => setTimeout(resolve, afterErrorMs));
    }
    return this.options.allowErrors === true ? undefined : this.lateFailure();
  }

  /** A cell that was well when it ended, but whose background work failed later. */
  private lateFailure(): (CellReport & { status: "error" }) | undefined {
    for (const [i, report] of this.reports.entries()) {
      const failure = report.status === "ok" ? unhandled(this.outputs[report.cell - 1]!) : undefined;
      if (failure === undefined) continue;
      const late = { ...report, status: "error", failure } as const;
      this.reports[i] = late;
      return late;
    }
    return undefined;
  }

  private save(): void {
    if (this.options.out !== undefined) writeNotebook(this.options.out, this.notebook());
  }

  private async one(cell: CodeCell, index: number): Promise<CellReport> {
    const place = { cell: index + 1, of: this.source.cells.length, id: cell.id };
    if (cell.source.trim() === "" || hasTag(cell, "skip-execution")) return { ...place, status: "skipped", seconds: 0 };
    const started = performance.now();
    const outputs = this.outputs[index]!;
    const end = await this.kernel.execute(cell.source, {
      timeoutSeconds: this.options.timeoutSeconds ?? 1800,
      onMessage: (message) => {
        const shown = this.collector.add(outputs, message);
        if (shown !== undefined) this.tell(shown);
      },
    });
    this.counts[index] = "count" in end ? end.count : null;
    const failure = failureOf(end, outputs, this.options.timeoutSeconds ?? 1800);
    // What the kernel did not say itself is said in the saved notebook too.
    if (failure !== undefined && end.status !== "error") outputs.push({ output_type: "error", ...failure });
    const status = end.status === "ok" && failure !== undefined ? "error" : end.status;
    return { ...place, status, seconds: (performance.now() - started) / 1000, ...(failure === undefined ? {} : { failure }) };
  }

  private tell(shown: Output): void {
    if (shown.output_type === "stream") this.options.onStream?.(shown.name, shown.text);
    if (shown.output_type !== "display_data") return;
    const progress = shown.data[progressMime];
    if (progress !== undefined) this.options.onProgress?.(progress as Progress);
  }
}

function failureOf(end: ExecutionEnd, outputs: readonly Output[], timeoutSeconds: number): CellFailure | undefined {
  const said = (ename: string, evalue: string, traceback: readonly string[] = [`${ename}: ${evalue}`]): CellFailure => ({ ename, evalue, traceback });
  switch (end.status) {
    case "ok": return unhandled(outputs);
    case "error": return said(end.ename, end.evalue, end.traceback);
    case "timeout": return said("TimeoutError", `the cell took longer than ${timeoutSeconds} s`);
    case "aborted": return said("AbortError", "the run was interrupted");
    case "dead": return said("DeadKernelError", `the kernel ended: ${end.log.trim().split("\n").at(-1) || "no message"}`, end.log.trim().split("\n"));
  }
}

/** A rejected promise that nobody awaited, or an exception in a callback: tslab only prints them, and the cell looks well. */
function unhandled(outputs: readonly Output[]): CellFailure | undefined {
  const text = outputs.flatMap((output) => (output.output_type === "stream" && output.name === "stderr" ? [output.text] : [])).join("");
  const [, kind, rest] = /^(UnhandledPromiseRejection|UncaughtException): ([\s\S]*)/m.exec(text) ?? [];
  if (kind === undefined || rest === undefined) return undefined;
  return { ename: kind, evalue: rest.split("\n")[0]!, traceback: [`${kind}: ${rest.split("\n")[0]}`] };
}

function hasTag({ metadata }: Cell, tag: string): boolean {
  return metadata.tags?.includes(tag) === true;
}

/**
 * The notebook with a cell of constants after the one tagged `parameters` (a cell may declare a const again, also with another type).
 * Refuses parameters that the tagged cell does not declare: a typing slip would otherwise run with the defaults.
 */
export function injectParameters(notebook: Notebook, parameters: Readonly<Record<string, Json>> | undefined, file: string): Notebook {
  const names = Object.keys(parameters ?? {});
  if (parameters === undefined || names.length === 0) return notebook;
  const cells = notebook.cells.filter((cell) => !hasTag(cell, "injected-parameters"));
  const at = cells.findIndex((cell) => cell.cell_type === "code" && hasTag(cell, "parameters"));
  if (at < 0) throw new ModlinguaError("usage", `parameters ${names.join(", ")} are given, but no code cell is tagged "parameters"`, { file, remedy: "tag the cell that declares them" });
  const declared = [...cells[at]!.source.matchAll(/^\s*(?:export\s+)?(?:const|let|var)\s+([\p{L}_$][\p{L}\p{N}_$]*)/gmu)].map((match) => match[1]!);
  const unknown = names.find((name) => !declared.includes(name));
  if (unknown !== undefined) throw new ModlinguaError("usage", `the notebook has no parameter ${JSON.stringify(unknown)}; it has: ${declared.join(", ")}`, { file, place: `cell ${at + 1}` });
  const source = names.map((name) => `const ${name} = ${JSON.stringify(parameters[name])};`).join("\n");
  const injected: CodeCell = { cell_type: "code", id: "injected-parameters", metadata: { tags: ["injected-parameters"] }, source, execution_count: null, outputs: [] };
  return { ...notebook, cells: [...cells.slice(0, at + 1), injected, ...cells.slice(at + 1)] };
}
