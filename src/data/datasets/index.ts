// Written by `npm run indexes`: the folder is the registry.
export * from "./afrisenti.js";
export * from "./americasnli.js";
export * from "./masakhaner.js";
export * from "./masakhaner2.js";
export * from "./masakhapos.js";
export * from "./nusax.js";
export * from "./sib200.js";
export * from "./tatoeba.js";
export * from "./townhall.js";
export * from "./tydiqaGoldp.js";
export * from "./universalDependencies.js";
export * from "./wikiann.js";
export * from "./xcopa.js";
export * from "./xnli.js";
export * from "./xquad.js";
