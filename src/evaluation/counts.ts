import { ModlinguaError } from "../base/index.js";

/**
 * The raw counts of one example or of a whole set, by class and by name: `{ LOC: { tp: 2, fp: 0, fn: 1 } }`.
 * They are additive, so that a set's counts are the sum of its examples' and a bootstrap can resample the examples.
 */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Stands where a prediction is missing (a word beyond the encoder's input): the gold label is missed, no class is wrongly given. */
export const missed = "";

/** The sum of counts, class by class and name by name. */
export function sumCounts(all: readonly Counts[]): Counts {
  const sum: Record<string, Record<string, number>> = {};
  for (const counts of all) {
    for (const [name, numbers] of Object.entries(counts)) {
      const into = (sum[name] ??= {});
      for (const [key, value] of Object.entries(numbers)) into[key] = (into[key] ?? 0) + value;
    }
  }
  return sum;
}

/** Counts that grow in place: `add("LOC", "tp")`. */
export class Tally {
  readonly counts: Record<string, Record<string, number>> = {};

  add(name: string, key: string, amount = 1): void {
    const into = (this.counts[name] ??= {});
    into[key] = (into[key] ?? 0) + amount;
  }
}

/** Precision, recall and F1 of one class, between 0 and 1; `support` is how often it occurs in the gold. */
export interface ClassScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
  readonly predicted: number;
}

/** Van Rijsbergen 1979: F1 = 2·tp / (2·tp + fp + fn). A ratio with nothing below the line is 0, as in scikit-learn. */
export function classScore({ tp = 0, fp = 0, fn = 0 }: Readonly<Record<string, number>>): ClassScore {
  return { precision: ratio(tp, tp + fp), recall: ratio(tp, tp + fn), f1: ratio(2 * tp, 2 * tp + fp + fn), support: tp + fn, predicted: tp + fp };
}

export function classScores(counts: Counts): Record<string, ClassScore> {
  return Object.fromEntries(Object.keys(counts).sort().map((name) => [name, classScore(counts[name]!)]));
}

/** All classes' counts pooled into one. */
export function pooled(counts: Counts): Record<string, number> {
  const pool: Record<string, number> = {};
  for (const numbers of Object.values(counts)) {
    for (const [key, value] of Object.entries(numbers)) pool[key] = (pool[key] ?? 0) + value;
  }
  return pool;
}

export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Refuses a gold set in which fewer than two classes occur: any constant answer would score 1 on it. */
export function requireTwoClasses(metric: string, support: Readonly<Record<string, number>>): void {
  const present = Object.keys(support).filter((name) => support[name]! > 0);
  if (present.length === 0) throw emptySet(metric);
  if (present.length > 1) return;
  throw new ModlinguaError("data", `${metric} of a set with one class means nothing: every gold label is ${JSON.stringify(present[0])}`, {
    remedy: "give a set in which at least two classes occur (a hidden test set often carries one label as a placeholder)",
  });
}

export function emptySet(metric: string): ModlinguaError {
  return new ModlinguaError("data", `${metric} of an empty set is undefined: no labelled example was given`, { remedy: "give at least one labelled example" });
}

/** Refuses predictions that do not align with the gold. */
export function requireSameLength(metric: string, predicted: readonly unknown[], gold: readonly unknown[]): void {
  if (predicted.length === gold.length) return;
  throw new ModlinguaError("data", `${metric} compares labels one to one: ${predicted.length} predicted, ${gold.length} gold`, { remedy: "give one predicted label for each gold label" });
}
