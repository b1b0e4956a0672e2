export { type CheckOptions, type GradientError, type OpenGraph, type Probe, type Tensors, checkGradient, projectedGradients } from "./check.js";
export { type GradientOptions, differentiableOperators, gradient } from "./gradient.js";
export { type Vjp, everyInput, notDifferentiable, perInput, unary, zeroGradient } from "./rule.js";
export { unbroadcast } from "./unbroadcast.js";
