import { installKernel } from "../../notebook/index.js";
import { command } from "../command.js";

/** Lets Jupyter and editors find the TypeScript kernel. */
export const notebookInstall = command({
  about: "make the TypeScript kernel known to Jupyter and to editors, without Python",
  arguments: [],
  options: { prefix: { about: "write under PREFIX/share/jupyter instead of your own data folder", value: "DIR" } },
  example: "modlingua notebook install",
  async run({ prefix }) {
    const file = installKernel(prefix === undefined ? {} : { prefix });
    return { text: `the kernel "TypeScript" is described in ${file}`, json: { file } };
  },
});
