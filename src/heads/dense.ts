import { type Initializer, type ParameterScope, activate, affine, normal, zeros } from "../computation/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";

/** `layers − 1` hidden layers of the input's width with an activation, then a projection to `classes`: AdapterHub's flexible heads. Rows in, rows out. */
export function denseLayers(b: GraphBuilder, scope: ParameterScope, rows: Value, width: number, classes: number, layers: number, activation: string): Value {
  let value = rows;
  for (let layer = 1; layer < layers; layer++) value = activate(b, activation, project(b, scope.within(`dense.${layer}`), value, width, width));
  return project(b, scope.within("out"), value, width, classes);
}

export function project(b: GraphBuilder, scope: ParameterScope, rows: Value, from: number, to: number, init: Initializer = normal(0.02)): Value {
  return affine(b, rows, scope.parameter("weight", [from, to], init), scope.parameter("bias", [to], zeros));
}
