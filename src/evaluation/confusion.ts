import { type Counts, Tally, classScores, missed, requireSameLength, requireTwoClasses } from "./counts.js";

/** True and false positives and false negatives of every class, from labels compared one to one. */
export function countConfusion(metric: string, predicted: readonly string[], gold: readonly string[]): Counts {
  requireSameLength(metric, predicted, gold);
  const tally = new Tally();
  gold.forEach((label, i) => {
    const answer = predicted[i]!;
    if (answer === label) return tally.add(label, "tp");
    tally.add(label, "fn");
    if (answer !== missed) tally.add(answer, "fp");
  });
  return tally.counts;
}

/** The classes' scores, after refusing a gold set with fewer than two classes. */
export function confusionScores(metric: string, counts: Counts): ReturnType<typeof classScores> {
  const parts = classScores(counts);
  requireTwoClasses(metric, Object.fromEntries(Object.entries(parts).map(([name, { support }]) => [name, support])));
  return parts;
}
