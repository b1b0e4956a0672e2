import { encoderFolder } from "../lib/encoder.mjs";
import { fresh } from "../lib/process.mjs";
import { median, quartiles } from "../lib/statistics.mjs";

/** A large encoder from its file to a session that can run, each time in a new process; the file is in the system's cache for both. */
export const measure = {
  name: "opening",
  async run({ cache, large, rounds, threads }) {
    const folder = encoderFolder(cache, large);
      const times = Math.max(3, Math.ceil(rounds / 4));
    const [ours, theirs] = [[], []];
    for (let round = 0; round <= times; round++) {
      const pair = [await fresh("openOurs", { folder, threads }), await fresh("openRuntime", { folder, threads })];
      if (round > 0) [ours, theirs].forEach((list, side) => list.push(pair[side]));
    }
    return [compared("opening ÷ onnxruntime", 0.15, ours, theirs, "milliseconds", Math.min), compared("memory of opening ÷ onnxruntime", 0.4, ours, theirs, "megabytes", median)];
  },
};

function compared(name, goal, ours, theirs, key, choose) {
  const of = (side) => side.map((result) => result[key]);
  const chosen = (side) => (choose === Math.min ? Math.min(...of(side)) : choose(of(side)));
  return {
    name, goal, value: chosen(ours) / chosen(theirs), spread: quartiles(of(ours).map((one, round) => one / of(theirs)[round])), n: ours.length,
    details: { [key]: [chosen(ours), chosen(theirs)] },
  };
}
