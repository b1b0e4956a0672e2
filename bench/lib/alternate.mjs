// Two sides in turn: what disturbs the machine disturbs both.
import { median, quartiles } from "./statistics.mjs";

/** @typedef {{ wall: number, cpu: number }} Times milliseconds of one call, by the clock and of processor time */
/** @typedef {() => Promise<Times>} Side */

/** A side that runs in this process. */
export const own = (call) => async () => {
  const before = process.cpuUsage();
  const begin = performance.now();
  await call();
  const wall = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1000 };
};

/**
 * Calls A, B, A, B, … `rounds` times; the first call of each is thrown away. The ratio of the shortest calls is the value,
 * since other processes only ever lengthen a call; the spread is the quartiles of the ratios round by round.
 * @param {Side} a
 * @param {Side} b
 */
export async function alternate(a, b, rounds) {
  const times = { a: [], b: [] };
  for (let round = 0; round <= rounds; round++) {
    const pair = [await a(), await b()];
    if (round > 0) [times.a, times.b].forEach((list, side) => list.push(pair[side]));
  }
  const of = (key) => ({ a: times.a.map((time) => time[key]), b: times.b.map((time) => time[key]) });
  const [wall, cpu] = [of("wall"), of("cpu")];
  return {
    value: Math.min(...wall.a) / Math.min(...wall.b),
    spread: quartiles(wall.a.map((time, round) => time / wall.b[round])),
    n: rounds,
    details: {
      medianRatio: median(wall.a) / median(wall.b), cpuRatio: Math.min(...cpu.a) / Math.min(...cpu.b),
      milliseconds: { shortest: [Math.min(...wall.a), Math.min(...wall.b)], median: [median(wall.a), median(wall.b)] },
    },
  };
}
