// Written by `npm run indexes`: the folder is the registry.
export * from "./sites.js";
