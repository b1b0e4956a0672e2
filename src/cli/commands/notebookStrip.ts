import { formatNotebook, readNotebook, stripNotebook, writeNotebook } from "../../notebook/index.js";
import { command } from "../command.js";

/** Makes a notebook fit to be committed. */
export const notebookStrip = command({
  about: "take outputs, counts and editors' metadata out of a notebook",
  arguments: [{ name: "PATH", about: "the notebook, which is changed" }],
  options: { check: { about: "change nothing; exit code 1 where something would change" } },
  example: "modlingua notebook strip notebooks/01-quickstart.ipynb",
  async run({ check }, [path]) {
    const before = readNotebook(path!);
    const after = stripNotebook(before);
    const changed = formatNotebook(before) !== formatNotebook(after);
    if (changed && !check) writeNotebook(path!, after);
    return { text: `${path}: ${changed ? (check ? "would be changed" : "stripped") : "already clean"}`, json: { file: path, changed }, refused: check && changed };
  },
});
