// Written by `npm run indexes`: the folder is the registry.
export * from "./embedding.js";
export * from "./linear.js";
export * from "./residual.js";
