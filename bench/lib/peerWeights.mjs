// The peer's adapters and head in our tables, so that both sides compute the very same step.
import { join } from "node:path";
import { float32 } from "#src/base/index.js";
import { readSafetensors } from "#src/formats/index.js";

/** Fills the first language adapter, the task adapter and the head of a model with what the peer exported. */
export function takePeerWeights(folder, { languages: [language], task, head }) {
  takeAdapter(language.parameters, join(folder, "lang", "adapter.safetensors"));
  takeAdapter(task.parameters, join(folder, "task", "adapter.safetensors"));
  for (const [name, tensor] of readSafetensors(join(folder, "task", "model_head.safetensors")).tensors) {
    head.parameters.set(`out.${name.split(".").at(-1)}`, inOrder(tensor));
  }
}

function takeAdapter(parameters, file) {
  for (const [name, tensor] of readSafetensors(file).tensors) {
    const [, layer, which, kind] = /layer\.(\d+)\.output\.adapters\.\w+\.adapter_(down|up)(?:\.0)?\.(weight|bias)$/.exec(name);
    parameters.set(`layer.${layer}.ffnOutput.${which}.${kind}`, inOrder(tensor));
  }
}

/** torch keeps weights as [out, in]. */
function inOrder({ dims, data }) {
  if (dims.length === 1) return float32(dims, data);
  const [rows, columns] = dims;
  const transposed = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) transposed[column * rows + row] = data[row * columns + column];
  return float32([columns, rows], transposed);
}
