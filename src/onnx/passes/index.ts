// Written by `npm run indexes`: the folder is the registry.
export * from "./canonicalLinear.js";
export * from "./constantNodes.js";
export * from "./eliminateIdentity.js";
export * from "./expandFused.js";
export * from "./foldConstants.js";
export * from "./fuseGelu.js";
export * from "./fuseLayerNorm.js";
export * from "./inlineBranches.js";
export * from "./mergeTransposes.js";
export * from "./normalizeOpset.js";
export * from "./shareRepeated.js";
export * from "./simplifyShapes.js";
