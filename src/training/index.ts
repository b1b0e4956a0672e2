export type { BatchSource, MicroBatch } from "./batchSource.js";
export type { CheckpointOptions } from "./checkpoint.js";
export { type ExampleSourceOptions, exampleSource } from "./exampleSource.js";
export { clipByGlobalNorm, globalNorm } from "./gradients.js";
export { type LoopOptions, type TrainingJob, accumulate, loopDefaults, runTraining } from "./loop.js";
export { type Optimizer, type OptimizerName, type OptimizerState, type Parameter, initialState, optimizerOf, optimizers } from "./optimizers.js";
export type { DevPoint, TrainingReport } from "./report.js";
export { type Schedule, type ScheduleName, learningRateAt, schedules } from "./schedules.js";
