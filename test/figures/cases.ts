import type { Figure, MatrixCell } from "#src/figures/index.js";
import { improvementMatrix, languageBars, learningCurve, transferMatrix } from "#src/figures/index.js";

/** Made-up scores that follow from the languages' positions alone. */
export function madeUpCells(sources: readonly string[], targets: readonly string[], shift = 0): MatrixCell[] {
  return sources.flatMap((source, i) => targets.map((target, j) => ({ source, target, score: source === target ? 0.9 : 0.3 + (((i * 7 + j * 5 + shift) % 11) / 11) * 0.5, n: 64, sd: 0.01 })));
}

export const ten = ["en", "tr", "zh", "de", "fr", "es", "it", "pt", "nl", "pl"];

/** One small example of every entry of `src/figures/plots`; the snapshots are the figures they give. */
export const cases: Readonly<Record<string, () => Figure>> = {
  transferMatrix: () => transferMatrix(madeUpCells(["en", "tr"], ["en", "tr", "zh"]).slice(0, 5), { title: "Intents", metric: "accuracy" }),
  improvementMatrix: () => improvementMatrix({ with: madeUpCells(["en", "tr"], ["en", "tr", "zh"]), without: madeUpCells(["en", "tr"], ["en", "tr", "zh"], 3) }, { metric: "F1" }),
  learningCurve: () => learningCurve([
    { name: "en", loss: [{ step: 1, value: 2 }, { step: 2, value: 1 }, { step: 3, value: 0.5 }], dev: [{ step: 2, value: 0.4 }, { step: 3, value: 0.6 }] },
    { name: "tr", loss: [{ step: 1, value: 2.5 }, { step: 3, value: 0.75 }] },
  ], { title: "Two runs", smoothing: 0.5 }),
  languageBars: () => languageBars([
    { language: "en", composition: "with", score: 0.8, sd: 0.02, n: 64 }, { language: "tr", composition: "with", score: 0.7, low: 0.65, high: 0.72 },
    { language: "en", composition: "without", score: 0.75 },
  ], { chance: 0.125, metric: "accuracy" }),
};
