export type { Figure, FigureMeta, Json, Layout, Plot, Trace } from "./figure.js";
export type { MatrixCell, MatrixOptions } from "./matrix.js";
export { colorAt, contrast, inkOn, themeNamed } from "./theme.js";
export type { Theme } from "./theme.js";
export * from "./plots/index.js";
