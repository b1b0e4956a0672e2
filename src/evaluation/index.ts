export { type ClassScore, type Counts, missed, sumCounts } from "./counts.js";
export { type EvaluateOptions, type Evaluation, type PreparedExamples, defaultMetric, evaluate, prepareExamples, scorePrepared } from "./evaluate.js";
export { type Examples, type LabelledExample, examplesFor, goldOf, targetOf } from "./examples.js";
export * from "./maskedText.js";
export * from "./metric.js";
export * from "./predict.js";
export * from "./spans.js";
export * from "./tokenizerOf.js";
