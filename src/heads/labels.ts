import { ModlinguaError, unknownName } from "../base/index.js";

/** Refuses an empty, repeated or single label set. */
export function checkLabels(labels: readonly string[], task: string): void {
  if (labels.length < 2) throw new ModlinguaError("config", `needs at least two labels, got ${JSON.stringify(labels)}`, { place: `head ${task}` });
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  if (twice !== undefined) throw new ModlinguaError("config", `the label ${JSON.stringify(twice)} is listed twice`, { place: `head ${task}` });
}

/** Number of a label in a head; throws where the head does not know it. */
export function labelIndex(labels: readonly string[], label: string): number {
  const index = labels.indexOf(label);
  if (index < 0) throw unknownName("data", "label for this head:", label, labels);
  return index;
}
