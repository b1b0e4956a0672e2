import { readFileSync } from "node:fs";
import { ModlinguaError, nearestName, unknownName } from "../base/index.js";
import type { Dataset, DatasetFile, Manifest } from "./dataset.js";
import * as entries from "./datasets/index.js";
import { findLanguage, isSameLanguage } from "./languages.js";
import { packagePath } from "./packagePath.js";

/** Every data set, by name. */
export const datasets: ReadonlyMap<string, Dataset> = new Map(Object.values(entries).map((entry) => [entry.name, entry]));

/** The data set of a name; throws with the names that exist. */
export function findDataset(name: string): Dataset {
  const found = datasets.get(name) ?? [...datasets.values()].find((entry) => entry.name.toLowerCase() === name.replace(/[-_ ]/g, "").toLowerCase());
  if (found === undefined) throw unknownName("data", "data set", name, [...datasets.keys()]);
  return found;
}

export function readManifest(dataset: Dataset): Manifest {
  return JSON.parse(readFileSync(packagePath("datasets", `${dataset.name}.json`), "utf8")) as Manifest;
}

/**
 * The file of a language and split. The language may be given in ISO 639-1 or 639-3, in the set's own spelling, or by its English name;
 * "validation" and "valid" mean "dev". Throws with what exists.
 */
export function findFile(manifest: Manifest, language: string, split: string): DatasetFile {
  const ofLanguage = filesOf(manifest, language);
  const wanted = split === "validation" || split === "valid" ? "dev" : split;
  const file = ofLanguage.find((candidate) => candidate.split === wanted);
  if (file !== undefined) return file;
  if (ofLanguage.length > 0) {
    throw new ModlinguaError("data", `${manifest.title} has no ${wanted} split for ${language}; it has ${ofLanguage.map((candidate) => candidate.split).join(", ")}`, { remedy: "choose one of these" });
  }
  throw new ModlinguaError("data", `${manifest.title} has no files for ${JSON.stringify(language)}; it has ${[...new Set(manifest.files.map(({ code }) => code))].join(", ")}`, remedyFor(manifest, language));
}

function filesOf(manifest: Manifest, language: string): DatasetFile[] {
  const own = manifest.files.filter(({ code }) => code.toLowerCase() === language.toLowerCase());
  if (own.length > 0) return own;
  const code = findLanguage(language)?.code3 ?? language;
  const exact = manifest.files.filter((file) => file.language === code);
  return exact.length > 0 ? exact : manifest.files.filter((file) => isSameLanguage(file.language, code));
}

function remedyFor(manifest: Manifest, language: string): { remedy?: string } {
  const names = manifest.files.flatMap((file) => [file.code, file.language, findLanguage(file.language)?.name ?? file.language]);
  const nearest = nearestName(language, names);
  return nearest === undefined ? {} : { remedy: `did you mean ${JSON.stringify(nearest)}?` };
}
