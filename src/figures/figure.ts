/** Anything that survives `JSON.stringify`. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A text style as Plotly spells it; an array of colours is one per point. */
export interface Font {
  readonly family?: string;
  readonly size?: number;
  readonly color?: string | readonly string[];
}

export type ColorScale = readonly (readonly [number, string])[];

export interface ColorBar {
  readonly title?: { readonly text: string; readonly side: "top"; readonly font?: Font };
  readonly orientation: "v" | "h";
  readonly x: number;
  readonly xanchor: "left" | "center";
  readonly y: number;
  readonly yanchor: "top" | "middle";
  readonly thickness: number;
  readonly lenmode: "pixels";
  readonly len: number;
  readonly outlinewidth: number;
  readonly tickfont: Font;
  readonly tickvals?: readonly number[];
  readonly ticktext?: readonly string[];
  readonly ypad?: number;
}

/** Coloured cells; `x` and `y` are cell *bounds* (one more than there are cells), `null` in `z` leaves a hole. */
export interface HeatmapTrace {
  readonly type: "heatmap";
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly z: readonly (readonly (number | null)[])[];
  readonly zmin: number;
  readonly zmax: number;
  readonly colorscale: ColorScale;
  readonly showscale: boolean;
  readonly colorbar?: ColorBar;
  readonly xgap: number;
  readonly ygap: number;
  readonly hovertext: readonly (readonly string[])[];
  readonly hoverinfo: "text";
}

export interface ScatterTrace {
  readonly type: "scatter";
  readonly mode: "lines" | "markers" | "lines+markers" | "text";
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly yaxis?: "y2";
  readonly text?: readonly string[];
  readonly textfont?: Font;
  readonly line?: { readonly color: string; readonly width: number; readonly dash?: "solid" | "dash" | "dot" };
  readonly marker?: { readonly color: string; readonly size: number; readonly symbol?: string };
  readonly opacity?: number;
  readonly hoverinfo?: "skip" | "text";
  readonly hovertemplate?: string;
  readonly legendgroup?: string;
  readonly showlegend: boolean;
}

export interface BarTrace {
  readonly type: "bar";
  readonly name: string;
  readonly x: readonly string[];
  readonly y: readonly (number | null)[];
  readonly error_y?: { readonly type: "data"; readonly symmetric: false; readonly array: readonly number[]; readonly arrayminus: readonly number[]; readonly color: string; readonly thickness: number; readonly width: number };
  readonly marker: { readonly color: string; readonly line: { readonly color: string; readonly width: number }; readonly pattern: { readonly shape: string; readonly fgcolor: string; readonly bgcolor: string; readonly size: number } };
  readonly hovertext: readonly string[];
  readonly hoverinfo: "text";
  readonly showlegend: boolean;
}

export type Trace = HeatmapTrace | ScatterTrace | BarTrace;

export interface Axis {
  readonly title?: { readonly text: string; readonly standoff?: number; readonly font?: Font };
  readonly type?: "linear" | "category";
  readonly range?: readonly [number, number];
  readonly tickmode?: "array";
  readonly tickvals?: readonly number[];
  readonly ticktext?: readonly string[];
  readonly tickangle?: number;
  readonly ticklabelstandoff?: number;
  readonly tickfont?: Font;
  readonly ticksuffix?: string;
  readonly ticks?: "" | "outside";
  readonly showgrid?: boolean;
  readonly gridcolor?: string;
  readonly zeroline?: boolean;
  readonly zerolinecolor?: string;
  readonly showline?: boolean;
  readonly linecolor?: string;
  readonly fixedrange?: boolean;
  readonly automargin?: boolean;
  readonly rangemode?: "tozero";
  readonly overlaying?: "y";
  readonly side?: "left" | "right";
}

export interface Shape {
  readonly type: "rect" | "line";
  readonly xref?: "paper";
  readonly yref?: "paper";
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
  readonly layer?: "above" | "below";
  readonly line: { readonly color: string; readonly width: number; readonly dash?: "dash" | "dot" };
}

export interface Annotation {
  readonly text: string;
  readonly xref?: "paper";
  readonly yref?: "paper";
  readonly x: number;
  readonly y: number;
  readonly xanchor: "left" | "center" | "right";
  readonly yanchor: "top" | "middle" | "bottom";
  readonly xshift?: number;
  readonly yshift?: number;
  readonly textangle?: number;
  readonly align?: "left";
  readonly showarrow: false;
  readonly font: Font;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly margin: { readonly l: number; readonly r: number; readonly t: number; readonly b: number };
  readonly paper_bgcolor: string;
  readonly plot_bgcolor: string;
  readonly font: Font;
  readonly xaxis: Axis;
  readonly yaxis: Axis;
  readonly yaxis2?: Axis;
  readonly shapes?: readonly Shape[];
  readonly annotations?: readonly Annotation[];
  readonly barmode?: "group";
  readonly bargap?: number;
  readonly bargroupgap?: number;
  readonly hovermode?: "closest" | "x unified";
  readonly hoverlabel?: { readonly font: Font };
  readonly showlegend?: boolean;
  readonly legend?: { readonly orientation: "h"; readonly x: number; readonly xanchor: "left"; readonly y: number; readonly yanchor: "bottom"; readonly font: Font };
}

export interface FigureMeta {
  /** What a reader who cannot see the picture should know: what is drawn, the range, the extremes. */
  readonly alt: string;
  /** The name of the plot that made it, e.g. "transferMatrix". */
  readonly plot: string;
}

/** A figure is plain Plotly JSON: it prints, diffs, hashes, saves, and knows no browser. */
export interface Figure {
  readonly data: readonly Trace[];
  readonly layout: Layout;
  readonly meta: FigureMeta;
}

/** What every file of `plots/` exports: a pure function from results to a figure. */
export type Plot<Input, Options> = (input: Input, options?: Options) => Figure;

export interface CommonOptions {
  readonly title?: string;
  /** "light" (default) is for paper, "dark" for dark slides. */
  readonly theme?: "light" | "dark";
}
