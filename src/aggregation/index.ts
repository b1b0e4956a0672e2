export * from "./aggregator.js";
export * from "./context.js";
export * from "./fusion.js";
