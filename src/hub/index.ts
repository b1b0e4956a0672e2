export * from "./cacheRoot.js";
export * from "./download.js";
export * from "./downloadRepository.js";
export * from "./loadDataset.js";
export * from "./pack.js";
export * from "./resolveBackbone.js";
export * from "./loadBackbone.js";
export * from "./moduleFile.js";
