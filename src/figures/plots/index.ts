// Written by `npm run indexes`: the folder is the registry.
export * from "./improvementMatrix.js";
export * from "./languageBars.js";
export * from "./learningCurve.js";
export * from "./transferMatrix.js";
