/** The score on the held-out set after some step, and numbers beside it. */
export interface DevPoint {
  readonly step: number;
  readonly score: number;
  readonly numbers?: Readonly<Record<string, number>>;
}

/** What is written down while a run goes on. Plain data; a resumed run goes on with it. */
export interface RunRecord {
  /** Optimizer steps taken. */
  step: number;
  readonly losses: { readonly step: number; readonly loss: number }[];
  readonly dev: DevPoint[];
  best?: DevPoint;
  /** Tokens seen, padding not counted. */
  tokens: number;
  /** Time spent in steps and in evaluations, that of interrupted runs included. */
  stepSeconds: number;
  evaluationSeconds: number;
}

export interface TrainingReport {
  readonly steps: number;
  /** Passes over the data; undefined where it has no end. */
  readonly epochs: number | undefined;
  /** The mean loss of every step. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly dev: readonly DevPoint[];
  readonly best?: DevPoint;
  readonly tokens: number;
  /** Of steps and evaluations together. */
  readonly seconds: number;
  /** While training, evaluations not counted. */
  readonly tokensPerSecond: number;
  /** `early`: the dev score did not improve for `patience` evaluations. `aborted`: the signal fired. */
  readonly stopped: "done" | "early" | "aborted";
}

export function emptyRecord(): RunRecord {
  return { step: 0, losses: [], dev: [], tokens: 0, stepSeconds: 0, evaluationSeconds: 0 };
}

export function reportOf(record: RunRecord, stepsPerEpoch: number | undefined, stopped: TrainingReport["stopped"]): TrainingReport {
  const { step, losses, dev, best, tokens, stepSeconds, evaluationSeconds } = record;
  return {
    steps: step, epochs: stepsPerEpoch === undefined ? undefined : step / stepsPerEpoch, losses, dev, ...(best === undefined ? {} : { best }),
    tokens, seconds: stepSeconds + evaluationSeconds, tokensPerSecond: stepSeconds === 0 ? 0 : tokens / stepSeconds, stopped,
  };
}
