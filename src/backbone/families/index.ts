// Written by `npm run indexes`: the folder is the registry.
export * from "./bert.js";
export * from "./deberta.js";
export * from "./distilbert.js";
export * from "./modernbert.js";
export * from "./roberta.js";
