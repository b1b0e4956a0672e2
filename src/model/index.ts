export { type AssembleOptions, AdaptedModel, type Fusion, type TrainingProgram, assemble } from "./model.js";
export { mergeAdapters } from "./merge.js";
export { type Binding, type Built, type Purpose, build, headSlot } from "./build.js";
export type { Holder, Structure } from "./structure.js";
