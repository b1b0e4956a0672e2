// Written by `npm run indexes`: the folder is the registry.
export * from "./average.js";
export * from "./batchSplit.js";
export * from "./fuse.js";
export * from "./parallel.js";
export * from "./split.js";
export * from "./stack.js";
