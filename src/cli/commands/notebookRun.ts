import { basename, join, resolve } from "node:path";
import { ModlinguaError, writeFileAtomic } from "../../base/index.js";
import { type RunReport, notebookToHtml, runNotebook } from "../../notebook/index.js";
import { type Terminal, command } from "../command.js";
import { pairs } from "../table.js";

/** Executes a notebook from the shell. */
export const notebookRun = command({
  about: "execute a notebook in its kernel, without a browser, and keep its outputs",
  arguments: [{ name: "PATH", about: "the notebook" }],
  options: {
    out: { about: "folder for the executed notebook; cells find it as MODLINGUA_OUT. By default the notebook is executed and nothing is kept", value: "DIR" },
    html: { about: "also write one self-contained page of this name into the folder", value: "NAME" },
    parameter: { about: "a constant of the parameters cell; the value is JSON, or text", value: "KEY=VALUE", short: "p", many: true },
    timeout: { about: "longest time a cell may take, in seconds", value: "SECONDS", type: "number", default: "1800" },
    allowErrors: { about: "go on after a cell that fails" },
  },
  example: "modlingua notebook run notebooks/01-quickstart.ipynb --out out/quickstart --html quickstart.html -p seeds=[0]",
  async run({ out, html, parameter, timeout, allowErrors }, [path], terminal) {
    if (html !== undefined && out === undefined) throw new ModlinguaError("usage", "--html needs a folder", { remedy: "add --out DIR" });
    if (out !== undefined) process.env["MODLINGUA_OUT"] = resolve(out);
    const executed = out === undefined ? undefined : join(out, basename(path!));
    const report = await runNotebook(path!, {
      ...(executed === undefined ? {} : { out: executed }), parameters: Object.fromEntries(parameter.map(parameterOf)) as Readonly<Record<string, string>>, timeoutSeconds: timeout, allowErrors, ...listeners(terminal),
    });
    const page = html === undefined ? undefined : join(out!, html);
    if (page !== undefined) writeFileAtomic(page, notebookToHtml(report.notebook));
    if (report.status === "aborted") throw new ModlinguaError("aborted", "the notebook was interrupted", { file: path! });
    return { text: outcome(report, [executed, page]), json: { ...report, notebook: undefined, files: { notebook: executed ?? null, html: page ?? null } }, refused: report.status !== "ok" };
  },
});

function parameterOf(text: string): [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new ModlinguaError("usage", `a parameter is KEY=VALUE, got ${JSON.stringify(text)}`);
  try {
    return [text.slice(0, at), JSON.parse(text.slice(at + 1))];
  } catch {
    return [text.slice(0, at), text.slice(at + 1)];
  }
}

/** Cells and what they print and train, as lines and a bar. */
function listeners({ signal, progress, note }: Terminal): Pick<Parameters<typeof runNotebook>[1] & object, "onCell" | "onStream" | "onProgress" | "signal"> {
  return {
    signal, onProgress: progress, onStream: (_, text) => note(text.replace(/\n$/, "")),
    onCell: ({ cell, of, status, seconds }) => note(`cell ${cell} of ${of}: ${status === "ok" ? "done" : status} (${seconds.toFixed(1)} s)`),
  };
}

function outcome({ status, seconds, failure }: RunReport, files: readonly (string | undefined)[]): string {
  const kept = files.filter((file) => file !== undefined).join(", ");
  const lines: [string, string][] = [["status", status === "ok" ? `every cell ran, in ${seconds.toFixed(1)} s` : `${status}${failure === undefined ? "" : ` in cell ${failure.cell}: ${failure.ename}: ${failure.evalue}`}`]];
  return pairs(kept === "" ? lines : [...lines, ["files", kept]]);
}
