export { type ClassScore, type Counts, sumCounts } from "./counts.js";
export * from "./maskedText.js";
export * from "./metric.js";
export * from "./spans.js";
export * from "./tokenizerOf.js";
