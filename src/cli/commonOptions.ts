import { datasets } from "../data/index.js";
import type { Option } from "./command.js";

/** Options that several commands share, so that they are spelled and explained once. */
export const deviceOption = { about: "where to run", value: "DEVICE", default: "cpu", choices: () => ["auto", "cpu", "cuda", "webgpu"] } as const satisfies Option;
export const trainedOption = { about: "the folder that `modlingua train --out` wrote", value: "DIR", required: true } as const satisfies Option;
export const languageAdapterOption = {
  about: "the language adapter under the task adapter: a file, an embedded name, or none; by default the one of training, in the language of the data", value: "NAME",
} as const satisfies Option;
export const datasetChoices = (): readonly string[] => [...datasets.keys()];
