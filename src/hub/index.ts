export * from "./pack.js";
