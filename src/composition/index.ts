export * from "./block.js";
export * from "./compose.js";
export * from "./lower.js";
export { checkSizes } from "./sizes.js";
