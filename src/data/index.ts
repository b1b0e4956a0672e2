export * from "./tokenizer.js";
export * from "./words.js";
