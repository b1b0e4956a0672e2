// Written by `npm run indexes`: the folder is the registry.
export * from "./attention.js";
export * from "./concatenation.js";
export * from "./sequential.js";
export * from "./weightedSum.js";
