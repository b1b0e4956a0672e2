// Written by `npm run indexes`: the folder is the registry.
export * from "./evaluate.js";
export * from "./inspect.js";
export * from "./notebookHtml.js";
export * from "./notebookInstall.js";
export * from "./notebookLint.js";
export * from "./notebookRun.js";
export * from "./notebookStrip.js";
export * from "./predict.js";
export * from "./sites.js";
export * from "./train.js";
