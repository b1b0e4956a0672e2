import { join } from "node:path";
import { ModlinguaError, writeFileAtomic } from "../../base/index.js";
import { stack } from "../../composition/index.js";
import { type Adapter, type ModuleConfig, createAdapter, methodNames } from "../../computation/index.js";
import { type DatasetSplit, type SplitOf, findLanguage, splitsOf } from "../../data/index.js";
import { type Head, createHead } from "../../heads/index.js";
import { loadAdapter, loadBackbone, loadDataset, saveModule } from "../../hub/index.js";
import { type AdaptedModel, assemble } from "../../model/index.js";
import { type TrainOptions, type TrainingReport, train as trainModel } from "../../training/index.js";
import { type Given, type Report, type Terminal, command } from "../command.js";
import { datasetChoices, deviceOption } from "../commonOptions.js";
import { pairs } from "../table.js";
import { sessionOn, writeModelCard } from "../trainedModel.js";

const options = {
  backbone: { about: "an embedded encoder, a folder with an ONNX export, or organisation/name", value: "NAME", default: "e5-small" },
  dataset: { about: "the data set", value: "NAME", required: true, choices: datasetChoices },
  language: { about: "the language to train on: a code or an English name", value: "LANG", required: true },
  task: { about: "what to learn; by default the data set's first task", value: "TASK", choices: () => ["tagging", "classification"] },
  adapter: { about: "name of the new adapter", value: "NAME", required: true },
  method: { about: "how the adapter computes", value: "METHOD", default: "bottleneck", choices: methodNames },
  preset: { about: "a named configuration of the method", value: "PRESET" },
  set: { about: "one key of the configuration, e.g. reductionFactor=8", value: "KEY=VALUE", many: true },
  languageAdapter: { about: "a frozen language adapter below it: a file or an embedded name such as e5-small/en", value: "NAME" },
  epochs: { about: "passes over the data; default 3", value: "N", type: "number" },
  steps: { about: "optimizer steps, instead of epochs", value: "N", type: "whole" },
  learningRate: { about: "peak learning rate", value: "RATE", type: "number", default: "5e-4" },
  batchSize: { about: "examples a step", value: "N", type: "whole", default: "16" },
  maxLength: { about: "longest input in pieces; by default what the encoder takes", value: "N", type: "whole" },
  limit: { about: "train on the first examples only", value: "N", type: "whole" },
  seed: { about: "seed of parameters and order", value: "N", type: "whole", default: "0" },
  resume: { about: "go on from the checkpoint in the folder" },
  device: deviceOption,
  out: { about: "folder for adapter, head, checkpoint and report", value: "DIR", required: true },
} as const;

type TrainGiven = Given<typeof options>;

/** Trains an adapter and a head on one language of a data set. */
export const train = command({
  about: "train an adapter and a head on one language of a data set",
  arguments: [],
  options,
  example: "modlingua train --dataset townhall --language en --adapter ner --language-adapter e5-small/en --out out/ner",
  async run(given, _, terminal) {
    const adapter = createAdapter(given.adapter, configOf(given), { seed: given.seed });
    const lower = given.languageAdapter === undefined ? undefined : loadAdapter(given.languageAdapter);
    const data = await loadSplit(given, "train", terminal);
    const dev = hasDev(given) ? await loadSplit(given, "dev", terminal) : undefined;
    const head = headFor(data, given);
    const backbone = await loadBackbone(given.backbone, { signal: terminal.signal, onProgress: terminal.progress });
    const model = assemble(backbone, {
      adapters: lower === undefined ? [adapter] : [lower, adapter], composition: lower === undefined ? adapter : stack([lower, adapter]), head, session: await sessionOn(given.device, terminal.note),
    }) as AdaptedModel;
    try {
      const report = await trainModel(model, trainOptions(given, data, dev, terminal));
      if (report.stopped === "aborted") throw new ModlinguaError("aborted", `training was interrupted after ${report.steps} steps`, { remedy: "the checkpoint is whole: the same command with --resume goes on" });
      return save(given, { adapter, head, data, report });
    } finally {
      await model.close();
    }
  },
});

function configOf({ method, preset, set }: TrainGiven): ModuleConfig {
  return { method, ...(preset === undefined ? {} : { preset }), ...Object.fromEntries(set.map(settingOf)) } as ModuleConfig;
}

/** `reductionFactor=8` → ["reductionFactor", 8]; what is not JSON is taken as text. */
function settingOf(text: string): [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new ModlinguaError("usage", `--set needs KEY=VALUE, got ${JSON.stringify(text)}`);
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

async function loadSplit({ dataset, language, task, limit }: TrainGiven, split: string, { signal, progress }: Terminal): Promise<DatasetSplit> {
  const wanted = split === "train" && limit !== undefined ? { limit } : {};
  return loadDataset(dataset, language, split, { ...(task === undefined ? {} : { task: task as "tagging" | "classification" }), ...wanted, signal, onProgress: progress });
}

function hasDev({ dataset, language }: TrainGiven): boolean {
  const codes = [...splitsOf(dataset)].filter(([code]) => code === language || findLanguage(code)?.code3 === findLanguage(language)?.code3);
  return codes.some(([, splits]) => splits.includes("dev"));
}

function headFor({ task, labels, dataset }: DatasetSplit, { adapter, seed }: TrainGiven): Head {
  if (task !== "tagging" && task !== "classification") throw new ModlinguaError("usage", `${dataset} is a set for ${task}, which no head learns yet`, { remedy: "choose a set for tagging or classification" });
  return createHead(task, { labels }, { name: `${adapter}-head`, seed }) as unknown as Head;
}

function trainOptions(given: TrainGiven, data: DatasetSplit, dev: DatasetSplit | undefined, { signal, progress }: Terminal): TrainOptions {
  const { adapter, epochs, steps, maxLength, learningRate, batchSize, seed, resume, out } = given;
  return {
    train: [adapter], data: data as SplitOf<"tagging">, ...(dev === undefined ? {} : { dev: dev as SplitOf<"tagging"> }), learningRate, batchSize, seed, resume,
    ...(epochs === undefined ? {} : { epochs }), ...(steps === undefined ? {} : { steps }), ...(maxLength === undefined ? {} : { maxLength }),
    checkpoint: { folder: join(out, "checkpoint"), every: 25 }, signal, onProgress: progress,
  };
}

function save(given: TrainGiven, { adapter, head, data, report }: { readonly adapter: Adapter; readonly head: Head; readonly data: DatasetSplit; readonly report: TrainingReport }): Report {
  const { out, backbone, languageAdapter = null, dataset } = given;
  Object.assign(adapter.card, { dataset, language: data.language, task: data.task, steps: report.steps, seed: given.seed, data: data.source.sha256, ...(report.best === undefined ? {} : { devScore: report.best.score }) });
  const files = { adapter: saveModule(adapter, out), head: saveModule(head, out), report: join(out, "training.json") };
  writeFileAtomic(files.report, `${JSON.stringify(report, null, 1)}\n`);
  const card = writeModelCard(out, { format: "modlingua-model-1", backbone, adapter: `${adapter.name}.safetensors`, head: `${head.name}.safetensors`, task: head.task, languageAdapter, dataset, language: data.language });
  return { text: summary(given, data, report), json: { files: { ...files, card }, composition: languageAdapter === null ? adapter.name : `stack(${languageAdapter}, ${adapter.name})`, report } };
}

function summary({ adapter, out }: TrainGiven, data: DatasetSplit, report: TrainingReport): string {
  const last = report.losses.at(-1);
  return pairs([
    ["trained", `${adapter} on ${data.examples.length} examples of ${data.dataset} (${data.language}), ${data.task}`],
    ["steps", `${report.steps}${report.epochs === undefined ? "" : ` (${report.epochs.toFixed(1)} epochs)`} in ${report.seconds.toFixed(1)} s, ${Math.round(report.tokensPerSecond)} tokens/s${report.stopped === "early" ? ", stopped early" : ""}`],
    ["loss", last === undefined ? "no step was taken" : last.loss.toFixed(4)],
    ...(report.best === undefined ? [] : [["best dev score", `${report.best.score.toFixed(4)} after step ${report.best.step}`] as const]),
    ["saved in", out],
  ]);
}
