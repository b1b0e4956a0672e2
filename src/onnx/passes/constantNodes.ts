import { type Tensor, float32, int64 } from "../../base/index.js";
import type { Node } from "../graph.js";
import { tensorAttribute } from "../inference/generators.js";
import type { Pass } from "../pass.js";

export const constantNodes: Pass = {
  name: "constantNodes",
  does: "turns Constant nodes into constants",
  requires: [],
  run(graph) {
    let changes = 0;
    for (const node of [...graph.nodes]) {
      const value = node.op === "Constant" && node.domain === "" ? held(node) : undefined;
      if (value === undefined) continue;
      graph.becomeConstant(node.output(), { inline: value });
      changes++;
    }
    return changes;
  },
};

function held(node: Node): Tensor | undefined {
  const whole = tensorAttribute(node, "value");
  if (whole !== undefined) return whole;
  if (node.attributes.has("value_float")) return float32([], [node.number("value_float", 0)]);
  if (node.attributes.has("value_int")) return int64([], [node.number("value_int", 0)]);
  const floats = node.attributes.has("value_floats") ? node.numbers("value_floats") : undefined;
  if (floats !== undefined) return float32([floats.length], floats);
  const ints = node.numbers("value_ints");
  return ints && int64([ints.length], ints);
}
