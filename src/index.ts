// The public verbs, grouped as a script uses them.
export { ModlinguaError, type Progress, type ProgressListener, type Tensor, randomStream } from "./base/index.js";
export { type Backbone, type Site, siteName } from "./backbone/index.js";
export { type Adapter, type ModuleConfig, ParameterTable, createAdapter } from "./computation/index.js";
export { type Composition, average, batchSplit, compose, fuse, parallel, split, stack } from "./composition/index.js";
export { type Head, createHead, taskOf } from "./heads/index.js";
export { AdaptedModel, type Fusion, type TrainingProgram, assemble, mergeAdapters } from "./model/index.js";
export * from "./hub/index.js";
export * from "./data/index.js";
export * from "./training/index.js";
export * from "./evaluation/index.js";
export * from "./figures/index.js";
export { chooseDevice, type DeviceChoice } from "./runtime/index.js";
export { printGraph } from "./onnx/index.js";
