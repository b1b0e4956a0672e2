// Written by `npm run indexes`: the folder is the registry.
export * from "./all.js";
export * from "./replicas.js";
export * from "./rows.js";
export * from "./segments.js";
export * from "./weighted.js";
