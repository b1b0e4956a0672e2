import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ModlinguaError, writeFileAtomic } from "../base/index.js";
import { stack } from "../composition/index.js";
import type { Adapter } from "../computation/index.js";
import { findLanguage } from "../data/index.js";
import type { Head, TaskName } from "../heads/index.js";
import { loadAdapter, loadBackbone, loadHead } from "../hub/index.js";
import { type AdaptedModel, assemble } from "../model/index.js";
import { type WantedDevice, chooseDevice } from "../runtime/index.js";
import type { Terminal } from "./command.js";

/** `model.json` beside the modules that `train` wrote: what belongs together. Paths are relative to its folder. */
export interface ModelCard {
  readonly format: "modlingua-model-1";
  readonly backbone: string;
  readonly adapter: string;
  readonly head: string;
  readonly task: TaskName;
  /** Path or embedded name of the language adapter it was trained over. */
  readonly languageAdapter: string | null;
  readonly dataset: string;
  /** ISO 639-3. */
  readonly language: string;
}

const cardName = "model.json";

export function writeModelCard(folder: string, card: ModelCard): string {
  const file = join(folder, cardName);
  writeFileAtomic(file, `${JSON.stringify(card, null, 2)}\n`);
  return file;
}

/** The card in a folder that `train` wrote, or beside a module in it. */
export function readModelCard(path: string): { readonly folder: string; readonly card: ModelCard } {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path);
  const file = join(folder, cardName);
  if (!existsSync(file)) throw new ModlinguaError("io", "is not there, so this folder holds no trained model", { file, remedy: "give the folder that `modlingua train --out` wrote" });
  try {
    const card = JSON.parse(readFileSync(file, "utf8")) as ModelCard;
    if (card.format !== "modlingua-model-1") throw new Error(`format ${JSON.stringify(card.format)}`);
    return { folder, card };
  } catch (cause) {
    throw new ModlinguaError("format", `is not the card of a trained model (${(cause as Error).message})`, { file, cause, remedy: "train it again" });
  }
}

export interface OpenOptions {
  readonly device: string;
  /** Path or name of the language adapter; "none" for none; by default the one of training, in the other language where that is known. */
  readonly languageAdapter: string | undefined;
  /** The language of the data, if it is known. */
  readonly language: string | undefined;
}

export interface OpenedModel {
  readonly model: AdaptedModel;
  readonly card: ModelCard;
  readonly languageAdapter: string | undefined;
}

/** Opens what `train` wrote: backbone, language adapter, task adapter and head. */
export async function openTrained(path: string, { device, languageAdapter, language }: OpenOptions, { signal, progress, note }: Terminal): Promise<OpenedModel> {
  const { folder, card } = readModelCard(path);
  const task = loadAdapter(join(folder, card.adapter));
  const head = loadHead(join(folder, card.head), card.task) as unknown as Head;
  const chosen = languageAdapter === "none" ? undefined : languageAdapter ?? adapterInLanguage(card, language);
  if (languageAdapter === undefined && chosen !== undefined && chosen === card.languageAdapter && language !== undefined && findLanguage(language)?.code3 !== card.language) {
    note(`the language adapter ${chosen} is that of training (${card.language}); give the one of ${language} with --language-adapter`);
  }
  const lower = chosen === undefined ? undefined : readLanguageAdapter(chosen, languageAdapter === undefined);
  const backbone = await loadBackbone(card.backbone, { signal, onProgress: progress });
  const session = await sessionOn(device, note);
  const model = assemble(backbone, { adapters: lower === undefined ? [task] : [lower, task], composition: lower === undefined ? task : stack([lower, task]), head, session }) as AdaptedModel;
  return { model, card, languageAdapter: chosen };
}

/** `e5-small/en` for Turkish is `e5-small/tr`: the last part of the training adapter's name is its language. */
function adapterInLanguage({ languageAdapter }: ModelCard, language: string | undefined): string | undefined {
  if (languageAdapter === null || language === undefined || languageAdapter.endsWith(".safetensors")) return languageAdapter ?? undefined;
  const found = findLanguage(language);
  return languageAdapter.replace(/[^/]+$/, found?.code2 ?? found?.code3 ?? language);
}

function readLanguageAdapter(name: string, guessed: boolean): Adapter {
  try {
    return loadAdapter(name);
  } catch (cause) {
    if (!guessed || !(cause instanceof ModlinguaError) || cause.kind !== "io") throw cause;
    throw new ModlinguaError("io", `there is no language adapter ${JSON.stringify(name)}, which would belong to this language`, { cause, remedy: "give one with --language-adapter, or --language-adapter none" });
  }
}

/** Decides where to run, and says why where that is not what was asked for. */
export async function sessionOn(device: string, note: (text: string) => void): Promise<{ device: Awaited<ReturnType<typeof chooseDevice>>["device"] }> {
  const choice = await chooseDevice(device as WantedDevice);
  if (device === "auto") note(`device ${choice.device}: ${choice.reason}`);
  return { device: choice.device };
}

