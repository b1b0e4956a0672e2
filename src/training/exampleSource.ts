import { randomStream } from "../base/index.js";
import { lengthBatches } from "../data/index.js";
import type { BatchSource, MicroBatch } from "./batchSource.js";

/**
 * Pieces that a micro-batch may have where nothing else is said. Memory of a step grows with it (about 1 MB a piece for a base
 * encoder), time a piece is the same at 512 and at 1024: `bench/README.md`.
 */
export const defaultTokenBudget = 512;

export interface ExampleSourceOptions {
  /** Length of each example in pieces. */
  readonly lengths: readonly number[];
  /** Makes a micro-batch of the examples of these indices. */
  readonly batchOf: (indices: readonly number[]) => MicroBatch;
  /** Examples an optimizer step. */
  readonly batchSize: number;
  /** Most pieces a micro-batch, padding included. */
  readonly tokenBudget: number;
  readonly seed: number;
}

/** Where in which pass the next batch lies: all that is needed, since the order of a pass follows from seed and number. */
interface Place {
  readonly epoch: number;
  readonly batch: number;
}

/** Batches of this many steps are drawn together and share lengths; a larger pool pads less, a smaller one mixes more. */
const stepsPerPool = 8;

/** Passes over a set of examples in memory, each in its own random order. */
export function exampleSource({ lengths, batchOf, batchSize, tokenBudget, seed }: ExampleSourceOptions): BatchSource {
  const stepsPerEpoch = Math.ceil(lengths.length / batchSize);
  let place: Place = { epoch: 0, batch: 0 };
  let order = epochOrder(lengths, batchSize, seed, 0);
  return {
    stepsPerEpoch,
    async next() {
      if (place.batch === stepsPerEpoch) {
        place = { epoch: place.epoch + 1, batch: 0 };
        order = epochOrder(lengths, batchSize, seed, place.epoch);
      }
      const batch = order[place.batch]!;
      place = { ...place, batch: place.batch + 1 };
      return microBatches(batch, lengths, tokenBudget).map(batchOf);
    },
    position: () => place,
    restore(saved) {
      place = saved as Place;
      order = epochOrder(lengths, batchSize, seed, place.epoch);
    },
  };
}

/** The batches of one pass: shuffled, sorted by length within pools so that little is padding, and the batches shuffled again. */
function epochOrder(lengths: readonly number[], batchSize: number, seed: number, epoch: number): number[][] {
  const random = randomStream(seed, "shuffle", epoch);
  const shuffled = random.shuffle(lengths.map((_, index) => index));
  const batches: number[][] = [];
  for (let start = 0; start < shuffled.length; start += batchSize * stepsPerPool) {
    const pool = shuffled.slice(start, start + batchSize * stepsPerPool);
    const grouped = lengthBatches(pool.map((index) => lengths[index]!), { tokenBudget: Infinity, maxRows: batchSize });
    batches.push(...grouped.map((group) => group.map((i) => pool[i]!)));
  }
  return random.shuffle(batches);
}

/** Splits one step's examples into runs of nearly equal length within the budget. */
function microBatches(batch: readonly number[], lengths: readonly number[], tokenBudget: number): number[][] {
  const groups = lengthBatches(batch.map((index) => lengths[index]!), { tokenBudget, maxRows: batch.length });
  return groups.map((group) => group.map((i) => batch[i]!));
}
