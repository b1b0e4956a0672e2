import { ModlinguaError } from "../../base/index.js";
import type { Annotation, BarTrace, CommonOptions, Plot, Shape } from "../figure.js";
import type { Theme } from "../theme.js";
import { escapeMarkup, font, frame, heading, textWidth, themeNamed } from "../theme.js";

export interface LanguageScore {
  readonly language: string;
  /** What is compared side by side, e.g. "with language adapter" and "without". */
  readonly composition: string;
  /** In [0, 1]. */
  readonly score: number;
  /** Ends of an interval around the score, in [0, 1]; they win over `sd`. */
  readonly low?: number;
  readonly high?: number;
  /** Standard deviation over seeds, drawn as ±1 sd. */
  readonly sd?: number;
  readonly n?: number;
}

export interface LanguageBarsOptions extends CommonOptions {
  readonly metric?: string;
  /** Languages from left to right; default: in the order given. */
  readonly languages?: readonly string[];
  /** Score of a guess, in [0, 1]: a dashed line. */
  readonly chance?: number;
}

const patterns = ["", "/", "x", "\\", ".", "-", "+"];

/** Scores by language, compositions side by side, with error bars and the chance level; compositions differ in colour and pattern, so that a black-and-white print reads too. */
export const languageBars: Plot<readonly LanguageScore[], LanguageBarsOptions> = (scores, options = {}) => {
  const theme = themeNamed(options.theme);
  if (scores.length === 0) throw new ModlinguaError("data", "bars by language need at least one score, got none");
  scores.forEach(checkScore);
  const languages = options.languages ?? [...new Set(scores.map((score) => score.language))];
  const compositions = [...new Set(scores.map((score) => score.composition))];
  const slot = Math.max(30, compositions.length * 16 + 12);
  const plotWidth = Math.max(300, languages.length * slot);
  const right = options.chance === undefined ? 20 : 62;
  const width = 64 + plotWidth + right;
  const title = heading(theme, options.title, width);
  const legendRows = compositions.length < 2 ? 0 : Math.ceil(compositions.reduce((sum, name) => sum + textWidth(name, 12) + 50, 0) / plotWidth);
  const top = Math.round(title.height + 16 + legendRows * 20);
  const turned = Math.max(...languages.map((language) => textWidth(language, 11))) > slot - 4;
  const bottom = 40 + (turned ? Math.ceil(Math.max(...languages.map((language) => textWidth(language, 11)))) + 8 : 20);
  const at = indexScores(scores);
  return {
    data: compositions.map((composition, i) => barTrace(languages.map((language) => at(language, composition)), languages, composition, i, theme)),
    layout: {
      ...frame(theme), width, height: top + 260 + bottom, margin: { l: 64, r: right, t: top, b: bottom },
      xaxis: {
        type: "category", title: { text: "target language", standoff: 8, font: font(theme, 13) }, tickmode: "array", tickvals: [...languages.keys()], ticktext: languages.map(escapeMarkup),
        range: [-0.5, languages.length - 0.5], tickangle: turned ? -90 : 0, tickfont: font(theme, 11), showgrid: false, showline: true, linecolor: theme.muted, automargin: false,
      },
      yaxis: { title: { text: escapeMarkup(`${options.metric ?? "score"} (%)`), standoff: 8, font: font(theme, 13) }, tickfont: font(theme, 11), range: [0, ceiling(scores)], gridcolor: theme.grid, showgrid: true, zeroline: true, zerolinecolor: theme.muted, automargin: false },
      shapes: options.chance === undefined ? [] : [chanceLine(options.chance * 100, theme)],
      annotations: [...title.place(64, top), ...(options.chance === undefined ? [] : [chanceLabel(options.chance * 100, theme)])],
      barmode: "group", bargap: 0.25, bargroupgap: 0.06, hovermode: "closest",
      showlegend: compositions.length > 1,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: font(theme, 12) },
    },
    meta: { plot: "languageBars", alt: describe(scores, compositions, languages, options.metric ?? "score") },
  };
};

function checkScore({ language, composition, score }: LanguageScore): void {
  if (!(score >= 0 && score <= 1)) throw new ModlinguaError("data", `the score ${score} is outside [0, 1]`, { place: `${language}, ${composition}`, remedy: "leave languages without a score out" });
}

function indexScores(scores: readonly LanguageScore[]): (language: string, composition: string) => LanguageScore | undefined {
  const byKey = new Map<string, LanguageScore>();
  for (const score of scores) {
    const key = JSON.stringify([score.language, score.composition]);
    if (byKey.has(key)) throw new ModlinguaError("data", `the score of ${score.language}, ${score.composition} is given twice`, { remedy: "average over seeds and sources first" });
    byKey.set(key, score);
  }
  return (language, composition) => byKey.get(JSON.stringify([language, composition]));
}

/** How far the interval reaches above and below the score, in percent. */
function spread(score: LanguageScore | undefined): { up: number; down: number } {
  if (score === undefined) return { up: 0, down: 0 };
  const sd = score.sd ?? 0;
  return { up: ((score.high ?? score.score + sd) - score.score) * 100, down: (score.score - (score.low ?? score.score - sd)) * 100 };
}

function barTrace(scores: readonly (LanguageScore | undefined)[], languages: readonly string[], composition: string, index: number, theme: Theme): BarTrace {
  const spreads = scores.map(spread);
  const color = theme.series[index % theme.series.length]!;
  return {
    type: "bar", name: escapeMarkup(composition), x: languages, y: scores.map((score) => (score === undefined ? null : score.score * 100)),
    ...(spreads.some(({ up, down }) => up > 0 || down > 0)
      ? { error_y: { type: "data", symmetric: false, array: spreads.map(({ up }) => up), arrayminus: spreads.map(({ down }) => down), color: theme.ink, thickness: 1.2, width: 3 } as const }
      : {}),
    marker: { color, line: { color: theme.ink, width: 0.6 }, pattern: { shape: patterns[index % patterns.length]!, fgcolor: theme.paper, bgcolor: color, size: 6 } },
    hovertext: scores.map((score, i) => hover(score, languages[i]!, composition, spreads[i]!)), hoverinfo: "text", showlegend: true,
  };
}

function hover(score: LanguageScore | undefined, language: string, composition: string, { up, down }: { up: number; down: number }): string {
  const name = escapeMarkup(`${language}, ${composition}`);
  if (score === undefined) return `${name}: not measured`;
  return `${name}: ${(score.score * 100).toFixed(1)}${up > 0 || down > 0 ? ` (+${up.toFixed(1)} / −${down.toFixed(1)})` : ""}${score.n === undefined ? "" : `, n = ${score.n}`}`;
}

function chanceLine(percent: number, theme: Theme): Shape {
  return { type: "line", xref: "paper", x0: 0, x1: 1, y0: percent, y1: percent, layer: "above", line: { color: theme.ink, width: 1.2, dash: "dash" } };
}

function chanceLabel(percent: number, theme: Theme): Annotation {
  return { text: "chance", xref: "paper", x: 1, y: percent, xanchor: "left", yanchor: "middle", xshift: 4, showarrow: false, font: font(theme, 11) };
}

/** Upper end of the axis: the next ten above bars and error bars, at most 100 (a little more where an error bar needs it). */
function ceiling(scores: readonly LanguageScore[]): number {
  const highest = scores.reduce((high, score) => Math.max(high, score.score * 100 + spread(score).up), 0);
  return highest > 98 ? 104 : Math.max(10, Math.ceil((highest + 2) / 10) * 10);
}

function describe(scores: readonly LanguageScore[], compositions: readonly string[], languages: readonly string[], metric: string): string {
  const means = compositions.map((composition) => {
    const own = scores.filter((score) => score.composition === composition && languages.includes(score.language));
    return own.length === 0 ? `${composition} none` : `${composition} ${((own.reduce((sum, score) => sum + score.score, 0) / own.length) * 100).toFixed(1)}`;
  });
  return `Bars of ${metric} for ${languages.length} languages; means: ${means.join(", ")}.`;
}
