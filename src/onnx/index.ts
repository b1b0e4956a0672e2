export * from "./graph.js";
export * from "./model.js";
export * from "./builder.js";
export * from "./types.js";
export * from "./shapeInference.js";
export * from "./print.js";
