// Written by `npm run indexes`: the folder is the registry.
export * from "./activation.js";
export * from "./elementwise.js";
export * from "./linear.js";
export * from "./movement.js";
export * from "./normalization.js";
export * from "./reduction.js";
