export * from "./activation.js";
export * from "./badValue.js";
export * from "./linear.js";
export * from "./method.js";
export * from "./scope.js";
export type { BottleneckConfig } from "./methods/bottleneck.js";
export type { LoraConfig } from "./methods/lora.js";
export * from "./module.js";
export * from "./parameters.js";
