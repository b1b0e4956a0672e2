import { type FloatTensor, unknownName } from "../base/index.js";

/** A tensor that is trained, by the name of its module and its own. */
export interface Parameter {
  readonly module: string;
  readonly name: string;
  readonly tensor: FloatTensor;
}

/** All that an optimizer remembers: steps taken, and for each of its moments one array a parameter. */
export interface OptimizerState {
  step: number;
  readonly moments: Readonly<Record<string, readonly Float32Array[]>>;
}

export interface OptimizerOptions {
  readonly weightDecay: number;
}

/** An optimizer as a pair of functions; `update` changes parameters and state in place. */
export interface Optimizer {
  readonly about: string;
  readonly moments: readonly string[];
  update(parameters: readonly Parameter[], gradients: readonly Float32Array[], state: OptimizerState, learningRate: number, options: OptimizerOptions): void;
}

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

const adamW: Optimizer = {
  about: "Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), β = (0.9, 0.999), ε = 1e-8, as torch.optim.AdamW",
  moments: ["first", "second"],
  update(parameters, gradients, state, learningRate, { weightDecay }) {
    state.step++;
    const rate = learningRate / (1 - beta1 ** state.step);
    const correction = 1 / Math.sqrt(1 - beta2 ** state.step);
    parameters.forEach((parameter, i) => {
      const keep = 1 - learningRate * decayOf(parameter, weightDecay);
      adamStep(parameter.tensor.data, gradients[i]!, state.moments["first"]![i]!, state.moments["second"]![i]!, keep, rate, correction);
    });
  },
};

/** One tensor's step of Adam: p ← keep·p − rate · m / (√v · correction + ε). */
function adamStep(parameter: Float32Array, gradient: Float32Array, first: Float32Array, second: Float32Array, keep: number, rate: number, correction: number): void {
  for (let i = 0; i < parameter.length; i++) {
    const g = gradient[i]!;
    const m = first[i]! + (1 - beta1) * (g - first[i]!);
    const v = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = keep * parameter[i]! - (rate * m) / (Math.sqrt(v) * correction + epsilon);
  }
}

const sgd: Optimizer = {
  about: "stochastic gradient descent with decoupled weight decay, without momentum",
  moments: [],
  update(parameters, gradients, state, learningRate, { weightDecay }) {
    state.step++;
    parameters.forEach((parameter, p) => {
      const { data } = parameter.tensor;
      const gradient = gradients[p]!;
      const keep = 1 - learningRate * decayOf(parameter, weightDecay);
      for (let i = 0; i < data.length; i++) data[i] = keep * data[i]! - learningRate * gradient[i]!;
    });
  },
};

export const optimizers = { adamW, sgd } as const satisfies Record<string, Optimizer>;
export type OptimizerName = keyof typeof optimizers;

export function optimizerOf(name: string): Optimizer {
  if (!Object.hasOwn(optimizers, name)) throw unknownName("config", "optimizer", name, Object.keys(optimizers));
  return optimizers[name as OptimizerName];
}

/** The state before the first step. */
export function initialState(optimizer: Optimizer, parameters: readonly Parameter[]): OptimizerState {
  const zeros = (): Float32Array[] => parameters.map(({ tensor }) => new Float32Array(tensor.data.length));
  return { step: 0, moments: Object.fromEntries(optimizer.moments.map((moment) => [moment, zeros()])) };
}

/** Biases, norms and other vectors are not pulled towards zero. */
function decayOf({ name, tensor }: Parameter, weightDecay: number): number {
  return tensor.dims.length <= 1 || name.endsWith("bias") ? 0 : weightDecay;
}
