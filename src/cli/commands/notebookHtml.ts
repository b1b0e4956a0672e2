import { writeFileAtomic } from "../../base/index.js";
import { notebookToHtml, readNotebook } from "../../notebook/index.js";
import { command } from "../command.js";

/** One page of an executed notebook. */
export const notebookHtml = command({
  about: "write an executed notebook as one page with live plots that needs no network",
  arguments: [{ name: "PATH", about: "the executed notebook" }],
  options: { out: { about: "the page; by default beside the notebook, with .html", value: "FILE" } },
  example: "modlingua notebook html out/quickstart/01-quickstart.ipynb --out matrix.html",
  async run({ out }, [path]) {
    const file = out ?? path!.replace(/(\.ipynb)?$/, ".html");
    writeFileAtomic(file, notebookToHtml(readNotebook(path!)));
    return { text: file, json: { file } };
  },
});
