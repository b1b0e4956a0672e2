// Written by `npm run indexes`: the folder is the registry.
export * from "./bottleneck.js";
export * from "./lora.js";
