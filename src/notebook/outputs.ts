import type { MimeBundle, Output, StreamOutput } from "./notebookFile.js";
import type { Message } from "./wire.js";

/** The outputs of cells as messages arrive: streams merged, displays changed in place by their id, across cells too. */
export class OutputCollector {
  private readonly byDisplay = new Map<string, { outputs: Output[]; index: number }[]>();

  /** Adds a message to the outputs of its cell (changed in place). Returns what was shown, for listeners. */
  add(outputs: Output[], { type, content }: Message): Output | undefined {
    if (type === "stream") return addStream(outputs, { output_type: "stream", name: content["name"] === "stderr" ? "stderr" : "stdout", text: String(content["text"]) });
    if (type === "error") {
      const traceback = Array.isArray(content["traceback"]) ? content["traceback"].map(String) : [];
      return push(outputs, { output_type: "error", ename: String(content["ename"]), evalue: String(content["evalue"]), traceback });
    }
    if (type !== "display_data" && type !== "update_display_data") return undefined;
    const shown: Output = { output_type: "display_data", data: asRecord(content["data"]), metadata: asRecord(content["metadata"]) };
    const id = asRecord(content["transient"])["display_id"];
    if (type === "update_display_data") {
      for (const place of this.byDisplay.get(String(id)) ?? []) place.outputs[place.index] = shown;
      return shown;
    }
    push(outputs, shown);
    if (id !== undefined) this.byDisplay.set(String(id), [...(this.byDisplay.get(String(id)) ?? []), { outputs, index: outputs.length - 1 }]);
    return shown;
  }
}

function addStream(outputs: Output[], stream: StreamOutput): Output {
  const last = outputs.at(-1);
  if (last?.output_type === "stream" && last.name === stream.name) outputs[outputs.length - 1] = { ...last, text: last.text + stream.text };
  else outputs.push(stream);
  return stream;
}

function push(outputs: Output[], output: Output): Output {
  outputs.push(output);
  return output;
}

function asRecord(value: unknown): MimeBundle {
  return typeof value === "object" && value !== null ? (value as MimeBundle) : {};
}
