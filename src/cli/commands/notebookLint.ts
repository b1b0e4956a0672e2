import { lintNotebook, readNotebook } from "../../notebook/index.js";
import { command } from "../command.js";

/** Looks for what would break a notebook, or should not be committed with it. */
export const notebookLint = command({
  about: "find the kernel's traps and leftovers of editors in a notebook; exit code 1 where there are any",
  arguments: [{ name: "PATH", about: "the notebook" }],
  options: {},
  example: "modlingua notebook lint notebooks/01-quickstart.ipynb",
  async run(_, [path]) {
    const findings = lintNotebook(readNotebook(path!));
    const lines = findings.map(({ cell, line, rule, message }) => `${path}: ${cell === 0 ? "" : `cell ${cell}${line === 0 ? "" : `, line ${line}`}: `}${message} (${rule})`);
    return { text: findings.length === 0 ? `${path}: nothing to mend` : lines.join("\n"), json: { file: path, findings }, refused: findings.length > 0 };
  },
});
