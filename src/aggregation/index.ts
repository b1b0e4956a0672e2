export * from "./aggregator.js";
export * from "./fusion.js";
