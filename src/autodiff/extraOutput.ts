import type { DType, Shape } from "../base/index.js";
import type { GraphBuilder, Node, Value } from "../onnx/index.js";

/** The optional output `index` of a forward node, which is made to produce it where it does not yet. */
export function extraOutput(b: GraphBuilder, node: Node, index: number, dtype: DType, shape: Shape | undefined): Value {
  while (node.outputs.length <= index) {
    const value = b.graph.addValue(b.graph.freshName(`${node.output(0).name}.${node.outputs.length}`));
    value.producer = node;
    node.outputs.push(value);
  }
  const value = node.output(index);
  value.dtype ??= dtype;
  value.shape ??= shape;
  return value;
}
