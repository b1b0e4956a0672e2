// Written by `npm run indexes`: the folder is the registry.
export * from "./accuracy.js";
export * from "./macroF1.js";
export * from "./microF1.js";
export * from "./perplexity.js";
export * from "./spanF1.js";
