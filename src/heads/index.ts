export * from "./head.js";
export * from "./labels.js";
export type { ClassPrediction, ClassificationConfig } from "./tasks/classification.js";
export type { TagPrediction, TaggingConfig } from "./tasks/tagging.js";
export type { MaskedLmConfig, MaskedTarget } from "./tasks/maskedLm.js";
