import type { RandomStream } from "../base/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";
import type { DropoutUnit } from "./dropout.js";

/** How a fresh parameter starts: fills `data` for a parameter of shape `dims`, `[in, out]` for weights. */
export type Initializer = (random: RandomStream, data: Float32Array, dims: readonly number[]) => void;

/**
 * Where a module's parameters come from. A method asks for a parameter by name; the answer may be a
 * fresh tensor, a loaded one, or something computed. Whether it is trained is nobody's business but the scope's.
 */
export interface ParameterScope {
  parameter(name: string, dims: readonly number[], init: Initializer): Value;
  within(name: string): ParameterScope;
  /** `value` with a share `rate` of it left out by chance in a training step, and the rest scaled up; `value` itself in prediction. */
  dropout(b: GraphBuilder, value: Value, rate: number, unit: DropoutUnit): Value;
}

export const zeros: Initializer = (_, data) => void data.fill(0);
export const ones: Initializer = (_, data) => void data.fill(1);

/** N(0, std²), std 0.02 by default: BERT's initialisation. */
export const normal = (std = 0.02): Initializer => (random, data) => {
  for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
};

/** N(0, std²) cut at two standard deviations. */
export const truncatedNormal = (std: number): Initializer => (random, data) => {
  for (let i = 0; i < data.length; i++) {
    let value = random.normal();
    while (Math.abs(value) > 2) value = random.normal();
    data[i] = std * value;
  }
};

/** He et al. 2015 with a = √5, as PyTorch starts its linear layers: U(±1/√fan_in). */
export const kaimingUniform: Initializer = (random, data, dims) => {
  const bound = 1 / Math.sqrt(dims[0] ?? 1);
  for (let i = 0; i < data.length; i++) data[i] = bound * (2 * random.uniform() - 1);
};

/** `diagonal` on the diagonal and `rest` elsewhere. */
export const nearDiagonal = (diagonal: number, rest: number): Initializer => (_, data, dims) => {
  const width = dims[1] ?? 1;
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(i / width) === i % width ? diagonal : rest;
};
