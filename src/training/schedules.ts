import { unknownName } from "../base/index.js";

/** The share of the learning rate that is left when `done` (0 to 1) of the steps after the warmup are done. */
type Decay = (done: number) => number;

export const schedules = {
  constant: () => 1,
  linear: (done) => 1 - done,
  /** Loshchilov and Hutter 2017, eq. 5, one half-wave to zero. */
  cosine: (done) => (1 + Math.cos(Math.PI * done)) / 2,
} as const satisfies Record<string, Decay>;

export type ScheduleName = keyof typeof schedules;

export interface Schedule {
  readonly schedule: ScheduleName;
  /** Steps in which the rate rises from 0 to its peak; below 1 a share of all steps. */
  readonly warmup: number;
  readonly learningRate: number;
}

/** The learning rate of the step number `step`, from 0, of `steps`. The first step already moves: warmup gives (step + 1) / warmup. */
export function learningRateAt({ schedule, warmup, learningRate }: Schedule, step: number, steps: number): number {
  if (!Object.hasOwn(schedules, schedule)) throw unknownName("config", "schedule", schedule, Object.keys(schedules));
  const rise = warmup < 1 ? Math.round(warmup * steps) : warmup;
  if (step < rise) return (learningRate * (step + 1)) / rise;
  return learningRate * schedules[schedule]((step - rise) / Math.max(1, steps - rise));
}
