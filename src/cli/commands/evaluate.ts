import type { SplitOf } from "../../data/index.js";
import { type Evaluation, evaluate as evaluateModel, metricNames, type MetricName } from "../../evaluation/index.js";
import { loadDataset } from "../../hub/index.js";
import { command } from "../command.js";
import { datasetChoices, deviceOption, languageAdapterOption, trainedOption } from "../commonOptions.js";
import { pairs, percent, table } from "../table.js";
import { openTrained, readModelCard } from "../trainedModel.js";

/** Scores a trained model on a language, its own or another. */
export const evaluate = command({
  about: "score a trained model on a language it was trained on, or on any other (zero-shot)",
  arguments: [],
  options: {
    adapter: trainedOption,
    language: { about: "the language to score on", value: "LANG", required: true },
    dataset: { about: "the data set; by default the one of training", value: "NAME", choices: datasetChoices },
    split: { about: "which part of it", value: "SPLIT", default: "test" },
    languageAdapter: languageAdapterOption,
    metric: { about: "how to score; by default span F1 for entities, else accuracy", value: "METRIC", choices: metricNames },
    limit: { about: "score the first examples only", value: "N", type: "whole" },
    device: deviceOption,
  },
  example: "modlingua evaluate --adapter out/ner --language tr",
  async run({ adapter, language, dataset, split, languageAdapter, metric, limit, device }, _, terminal) {
    const { card } = readModelCard(adapter);
    const { signal, progress } = terminal;
    const data = await loadDataset(dataset ?? card.dataset, language, split, { task: card.task as "tagging", ...(limit === undefined ? {} : { limit }), signal, onProgress: progress }) as SplitOf<"tagging">;
    const opened = await openTrained(adapter, { device, languageAdapter, language }, terminal);
    try {
      const result = await evaluateModel(opened.model, data, { signal, onProgress: progress, ...(metric === undefined ? {} : { metric: metric as Exclude<MetricName, "perplexity"> }) });
      const { counts: _counts, predictions: _predictions, ...facts } = result;
      return {
        text: scoreText(result, opened.model.composition, `${data.dataset} ${data.language} ${data.split}`),
        json: { dataset: data.dataset, source: card.language, target: data.language, split: data.split, composition: opened.model.composition, languageAdapter: opened.languageAdapter ?? null, ...facts },
      };
    } finally {
      await opened.model.close();
    }
  },
});

function scoreText({ metric, score, n, parts, truncatedWords, seconds, tokens }: Evaluation, composition: string, what: string): string {
  const facts = pairs([
    [metric, percent(score)], ["on", `${n} examples of ${what}`], ["composition", composition],
    ["speed", `${Math.round(tokens / seconds)} tokens/s`], ...(truncatedWords === 0 ? [] : [["cut off", `${truncatedWords} words that did not fit`] as const]),
  ]);
  const rows = Object.entries(parts).map(([name, part]) => [name, ...Object.values(part as unknown as Record<string, number>).map((value) => (Number.isInteger(value) && value > 1 ? value : value.toFixed(3)))]);
  const [first] = Object.values(parts);
  return first === undefined ? facts : `${facts}\n\n${table(["label", ...Object.keys(first)], rows)}`;
}
