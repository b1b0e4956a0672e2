import type { Annotation, ColorScale, Font, Layout } from "./figure.js";

export interface Theme {
  readonly paper: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  /** Outline of a cell that is not zero-shot: seen on light and dark cells alike. */
  readonly outline: string;
  /** Fill of a cell that was not measured. */
  readonly missing: string;
  /** Distinguishable colours of series (Okabe and Ito 2008), safe for the common colour-vision deficiencies. */
  readonly series: readonly string[];
  /** Light to dark: its order survives a black-and-white print (ColorBrewer YlGnBu). */
  readonly sequential: ColorScale;
  /** Worse to better around a neutral middle (ColorBrewer PuOr, orange below zero). */
  readonly diverging: ColorScale;
}

const sequential = evenScale(["#ffffd9", "#edf8b1", "#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#253494", "#081d58"]);
const diverging = evenScale(["#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6", "#f7f7f7", "#d1e5f0", "#92c5de", "#4393c3", "#2166ac", "#053061"]);

const light: Theme = {
  paper: "#ffffff", ink: "#1a1a1a", muted: "#6b6b6b", grid: "#e3e3e3", outline: "#000000", missing: "#dcdcdc",
  series: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999"], sequential, diverging,
};
const dark: Theme = {
  paper: "#14171c", ink: "#ececec", muted: "#a3a8b0", grid: "#30353d", outline: "#ff4fa3", missing: "#3a3f47",
  series: ["#56b4e9", "#e69f00", "#2bc79a", "#e39bc4", "#8fd0ff", "#ff8a3d", "#b5b5b5"], sequential, diverging,
};
const themes = { light, dark };

export function themeNamed(name: "light" | "dark" = "light"): Theme {
  return themes[name];
}

/** A sans serif that papers use, then what Linux servers have. */
const family = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif";

export function font(theme: Theme, size: number, color: string | readonly string[] = theme.ink): Font {
  return { family, size, color };
}

/** Estimated width of a text in pixels at a font size; wide enough for DejaVu, the widest of our fonts. */
export function textWidth(text: string, size: number): number {
  return [...text].reduce((width, character) => width + (/[iljft.,:;'!()[\] ]/.test(character) ? 0.36 : /[mwMW%@+\u2212±]|[\u2e80-\uffff]/u.test(character) ? 0.95 : 0.62), 0) * size;
}

/** Breaks a text between words so that no line is wider than `width` pixels; lines are joined by `<br>`. */
export function wrap(text: string, size: number, width: number): { text: string; lines: number } {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return { text: lines.map(escapeMarkup).join("<br>"), lines: lines.length };
}

/** Plotly reads a small HTML in texts: names from data must not become tags. */
export function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const titleSize = 16;

/** The parts of a layout that every figure shares. */
export function frame(theme: Theme): Pick<Layout, "paper_bgcolor" | "plot_bgcolor" | "font" | "hoverlabel"> {
  return { paper_bgcolor: theme.paper, plot_bgcolor: theme.paper, font: font(theme, 12), hoverlabel: { font: { size: 12 } } };
}

export interface Heading {
  /** Room the title takes from the top edge, in pixels; 0 without one. */
  readonly height: number;
  /** The title for margins of `left` and `top` pixels. */
  place(left: number, top: number): readonly Annotation[];
}

/**
 * The title, broken into lines, at the top left corner of the figure. It is an annotation, because plotly spaces the lines of `layout.title`
 * differently in a browser and in an SVG file.
 */
export function heading(theme: Theme, title: string | undefined, width: number): Heading {
  if (title === undefined || title === "") return { height: 0, place: () => [] };
  const { text, lines } = wrap(title, titleSize, width - 32);
  return {
    height: 10 + Math.round(lines * titleSize * 1.3),
    place: (left, top) => [{ text, xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "top", align: "left", xshift: 12 - left, yshift: top - 8, showarrow: false, font: font(theme, titleSize) }],
  };
}

function evenScale(colors: readonly string[]): ColorScale {
  return colors.map((color, i) => [i / (colors.length - 1), color] as const);
}

/** The colour of `at` in [0, 1] on a scale, interpolated in sRGB as Plotly does. */
export function colorAt(scale: ColorScale, at: number): readonly [number, number, number] {
  const position = Math.min(1, Math.max(0, at));
  const upper = Math.max(1, scale.findIndex(([stop]) => stop >= position));
  const [from, low] = scale[upper - 1]!;
  const [to, high] = scale[upper]!;
  const share = (position - from) / (to - from);
  const a = rgb(low);
  const b = rgb(high);
  return [0, 1, 2].map((i) => a[i]! + share * (b[i]! - a[i]!)) as [number, number, number];
}

/** Relative luminance of WCAG 2.1. */
function luminance(color: readonly number[]): number {
  const [r, g, b] = color.map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** Contrast ratio of two colours, 1 to 21 (WCAG 2.1). */
export function contrast(a: readonly number[], b: readonly number[]): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/** Black or white, whichever reads better on the colour; never below 4.5:1. */
export function inkOn(color: readonly number[]): "#000000" | "#ffffff" {
  return contrast(color, [255, 255, 255]) > contrast(color, [0, 0, 0]) ? "#ffffff" : "#000000";
}

export function rgb(hex: string): [number, number, number] {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)) as [number, number, number];
}
