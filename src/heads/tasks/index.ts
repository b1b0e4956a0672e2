// Written by `npm run indexes`: the folder is the registry.
export * from "./classification.js";
export * from "./maskedLm.js";
export * from "./tagging.js";
