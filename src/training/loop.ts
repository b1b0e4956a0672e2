import { ModlinguaError, type ProgressListener, type RandomStream, type Tensor, float32, int64, randomStream, throwIfAborted } from "../base/index.js";
import type { TrainingProgram } from "../model/index.js";
import type { BatchSource, MicroBatch } from "./batchSource.js";
import { type CheckpointOptions, type Snapshot, clearCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.js";
import { addInto, clipByGlobalNorm } from "./gradients.js";
import { type Optimizer, type OptimizerName, type OptimizerState, initialState, optimizerOf } from "./optimizers.js";
import { type DevPoint, type RunRecord, type TrainingReport, emptyRecord, reportOf } from "./report.js";
import { type Schedule, type ScheduleName, learningRateAt } from "./schedules.js";

/** How the parameters move; every key has a default. */
export interface LoopOptions {
  /** Peak learning rate, 1e-4 by default (adapters are usually trained at 1e-4, heads alone at more). */
  readonly learningRate?: number;
  readonly optimizer?: OptimizerName;
  /** What becomes of the rate after the warmup: `linear` by default. */
  readonly schedule?: ScheduleName;
  /** Steps in which the rate rises; below 1 a share of all steps. Default 0.06. */
  readonly warmup?: number;
  /** Decoupled weight decay of matrices, 0.01 by default. */
  readonly weightDecay?: number;
  /** Largest global norm of the gradient, 1 by default; `Infinity` does not clip. */
  readonly clip?: number;
  /** Steps between two evaluations on the held-out set. */
  readonly evaluateEvery?: number;
  /** Stops after so many evaluations without a new best; by default never. */
  readonly patience?: number;
  readonly checkpoint?: CheckpointOptions;
  /** Goes on from the checkpoint in the folder, if there is one; otherwise a new run replaces it. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

export const loopDefaults = { learningRate: 1e-4, optimizer: "adamW", schedule: "linear", warmup: 0.06, weightDecay: 0.01, clip: 1 } as const;

/** One training run: what moves, on what, for how long, and how it is judged. */
export interface TrainingJob extends LoopOptions {
  /** What the progress says is being done. */
  readonly task: string;
  readonly program: TrainingProgram;
  readonly source: BatchSource;
  readonly steps: number;
  /** Scores the present parameters on held-out data; `goal` says which score is better. */
  readonly evaluate?: (signal: AbortSignal | undefined) => Promise<Omit<DevPoint, "step">>;
  readonly goal?: "highest" | "lowest";
  /** Seed of what drops out in each step, 0 by default. */
  readonly seed?: number;
  /** What else must be the same for a checkpoint to be resumed: seed, data, batch size … */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A run under way. */
interface Run {
  readonly job: TrainingJob & typeof loopDefaults;
  readonly optimizer: Optimizer;
  readonly config: Readonly<Record<string, unknown>>;
  readonly record: RunRecord;
  readonly state: OptimizerState;
  /** Sum of the gradients of a step's micro-batches. */
  readonly gradients: readonly Float32Array[];
  /** Where the source stood after the last whole step. */
  position: unknown;
  best: readonly Float32Array[] | undefined;
}

/**
 * The training loop: batches → gradients → clipping → optimizer, with evaluation, early stopping and checkpoints.
 * Equal jobs give equal bytes; one that was interrupted or killed and is resumed gives the bytes of one that was not.
 * With `evaluate`, the parameters of the best evaluation are the ones left in the modules at the end. When the signal fires,
 * the step under way is dropped, the last whole one is saved and the report says "aborted". Throws "training" for a loss that is not a number.
 */
export async function runTraining(job: TrainingJob): Promise<TrainingReport> {
  try {
    const run = await start(job);
    const stopped = await runSteps(run);
    save(run);
    if (stopped !== "aborted") restoreBest(run);
    return reportOf(run.record, job.source.stepsPerEpoch, stopped);
  } finally {
    await job.source.close?.();
  }
}

async function runSteps(run: Run): Promise<TrainingReport["stopped"]> {
  const { record, job: { steps, patience = Infinity, signal } } = run;
  try {
    for (;;) {
      await evaluateWhenDue(run);
      if (record.step >= steps) return "done";
      if (stale(record) >= patience) return "early";
      await takeStep(run);
      if (saveDue(run)) save(run);
    }
  } catch (error) {
    if (signal?.aborted === true && error instanceof ModlinguaError && error.kind === "aborted") return "aborted";
    throw error;
  }
}

async function start(given: TrainingJob): Promise<Run> {
  const job = { ...loopDefaults, ...given } as TrainingJob & typeof loopDefaults;
  checkOptions(job);
  const optimizer = optimizerOf(job.optimizer);
  const { parameters } = job.program;
  const config = configOf(job);
  const saved = resumed(job, config, optimizer);
  if (saved !== undefined) {
    job.program.touch();
    await job.source.restore(saved.position);
  }
  return {
    job, optimizer, config, record: saved?.record ?? emptyRecord(), state: saved?.optimizer ?? initialState(optimizer, parameters),
    gradients: parameters.map(({ tensor }) => new Float32Array(tensor.data.length)), position: saved?.position ?? job.source.position(), best: saved?.best,
  };
}

function resumed(job: TrainingJob, config: Readonly<Record<string, unknown>>, optimizer: Optimizer): Snapshot | undefined {
  if (job.checkpoint === undefined) return undefined;
  if (job.resume === true) return loadCheckpoint(job.checkpoint.folder, config, job.program.parameters, optimizer.moments);
  clearCheckpoint(job.checkpoint.folder);
  return undefined;
}

/** One optimizer step. Until the optimizer moves, nothing has changed: a step that is interrupted or refused leaves no trace. */
async function takeStep(run: Run): Promise<void> {
  const { job, record, gradients } = run;
  const began = performance.now();
  throwIfAborted(job.signal, job.task);
  const batches = await job.source.next();
  const loss = await accumulate(job.program, batches, gradients, { signal: job.signal, chance: randomStream(job.seed ?? 0, "dropout", record.step) });
  const learningRate = learningRateAt(job as Schedule, record.step, job.steps);
  const norm = clipByGlobalNorm(gradients, job.clip);
  requireFinite(run, loss, norm, learningRate);
  run.optimizer.update(job.program.parameters, gradients, run.state, learningRate, { weightDecay: job.weightDecay });
  job.program.touch();
  run.position = job.source.position();
  record.step++;
  record.losses.push({ step: record.step, loss });
  record.tokens += batches.reduce((sum, { tokens }) => sum + tokens, 0);
  record.stepSeconds += (performance.now() - began) / 1000;
  reportProgress(run);
}

export interface AccumulateOptions {
  readonly signal?: AbortSignal | undefined;
  readonly chance?: RandomStream;
}

/**
 * Runs a step's micro-batches and sums their gradients into `sums`. Each loss is a sum scaled by 1 / (labelled things in
 * the whole step), so that the result is that of one large batch whatever the split. What drops out in each is drawn from `chance`.
 * Gives the step's mean loss.
 */
export async function accumulate(program: TrainingProgram, batches: readonly MicroBatch[], sums: readonly Float32Array[], options: AccumulateOptions = {}): Promise<number> {
  const { signal, chance = randomStream(0, "dropout") } = options;
  const labelled = batches.filter(({ count }) => count > 0);
  const total = labelled.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) throw new ModlinguaError("data", "a batch holds nothing with a label, so it has no loss", { remedy: "check that the examples are not empty" });
  const lossScale: Tensor = float32([], [1 / total]);
  for (const sum of sums) sum.fill(0);
  let mean = 0;
  for (const { feeds } of labelled) {
    const dropoutSeed = int64([], [chance.integer(2 ** 31 - 1)]);
    const { loss, gradients } = await program.run({ ...feeds, lossScale, dropoutSeed }, signal === undefined ? {} : { signal });
    mean += loss;
    addInto(sums, gradients.map(({ data }) => data));
  }
  return mean;
}

function requireFinite({ job, record }: Run, loss: number, norm: number, learningRate: number): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const what = Number.isFinite(loss) ? `the gradient's norm is ${norm}` : `the loss is ${loss}`;
  const saved = job.checkpoint === undefined ? "" : `; the last checkpoint in ${job.checkpoint.folder} is from before`;
  throw new ModlinguaError("training", `${what} at a learning rate of ${learningRate.toPrecision(3)}; the parameters are those before this step${saved}`, {
    place: `step ${record.step + 1}`, remedy: `train anew with a lower learningRate (say ${(job.learningRate / 10).toPrecision(2)}) or a longer warmup`,
  });
}

/** Evaluates after every `evaluateEvery` steps and after the last; a resumed run first does the evaluation that was interrupted. */
async function evaluateWhenDue(run: Run): Promise<void> {
  const { job, record } = run;
  const { evaluate, evaluateEvery = job.source.stepsPerEpoch ?? job.steps, steps } = job;
  const due = record.step > 0 && (record.step % evaluateEvery === 0 || record.step >= steps) && record.dev.at(-1)?.step !== record.step;
  if (evaluate === undefined || !due || stale(record) >= (job.patience ?? Infinity)) return;
  const began = performance.now();
  const point: DevPoint = { step: record.step, ...await evaluate(job.signal) };
  record.evaluationSeconds += (performance.now() - began) / 1000;
  record.dev.push(point);
  reportProgress(run);
  if (record.best !== undefined && !isBetter(job, point.score, record.best.score)) return;
  record.best = point;
  run.best = job.program.parameters.map(({ tensor }) => tensor.data.slice());
  if (job.checkpoint !== undefined) save(run);
}

function isBetter({ goal = "highest" }: TrainingJob, score: number, than: number): boolean {
  return goal === "highest" ? score > than : score < than;
}

/** Evaluations since the best. */
function stale({ dev, best }: RunRecord): number {
  return best === undefined ? 0 : dev.filter(({ step }) => step > best.step).length;
}

function restoreBest({ job, best }: Run): void {
  if (best === undefined) return;
  job.program.parameters.forEach(({ tensor }, i) => tensor.data.set(best[i]!));
  job.program.touch();
}

function saveDue({ job: { checkpoint }, record: { step } }: Run): boolean {
  return checkpoint !== undefined && step % checkpoint.every === 0;
}

function save({ job: { checkpoint, program }, config, record, position, state, best }: Run): void {
  if (checkpoint !== undefined) saveCheckpoint(checkpoint.folder, config, program.parameters, { record, position, optimizer: state, best });
}

/** What the progress shows is the mean of so many last losses. */
const lossWindow = 20;

function reportProgress({ job, record }: Run): void {
  const recent = record.losses.slice(-lossWindow);
  const dev = record.dev.at(-1);
  job.onProgress?.({
    task: job.task, done: record.step, total: job.steps, unit: "steps",
    numbers: {
      loss: recent.reduce((sum, { loss }) => sum + loss, 0) / recent.length, "tokens/s": record.tokens / record.stepSeconds,
      ...(dev === undefined ? {} : { dev: dev.score }),
    },
  });
}

/** The settings that a resumed run must share, as they are written into its checkpoint. */
function configOf({ learningRate, optimizer, schedule, warmup, weightDecay, clip, steps, evaluateEvery, patience, goal, config, program, source, evaluate }: TrainingJob & typeof loopDefaults): Record<string, unknown> {
  return {
    learningRate, optimizer, schedule, warmup, weightDecay, clip: String(clip), steps, evaluateEvery: evaluateEvery ?? source.stepsPerEpoch, patience, goal,
    dev: evaluate !== undefined, modules: [...new Set(program.parameters.map(({ module }) => module))], ...config,
  };
}

function checkOptions({ learningRate, warmup, weightDecay, clip, steps, evaluateEvery, patience, evaluate, checkpoint, resume }: TrainingJob & typeof loopDefaults): void {
  const positive = { learningRate, clip, steps, evaluateEvery, patience, "checkpoint.every": checkpoint?.every };
  for (const [name, value] of Object.entries(positive)) if (value !== undefined && !(value > 0)) throw badOption(name, value, "a number above 0");
  for (const [name, value] of Object.entries({ steps, evaluateEvery, patience, "checkpoint.every": checkpoint?.every })) {
    if (value !== undefined && !Number.isInteger(value)) throw badOption(name, value, "a whole number");
  }
  for (const [name, value] of Object.entries({ warmup, weightDecay })) if (!(value >= 0)) throw badOption(name, value, "0 or more");
  if (patience !== undefined && evaluate === undefined) throw badOption("patience", patience, "given together with a dev set: without one there is nothing to wait for");
  if (resume === true && checkpoint === undefined) throw badOption("resume", resume, "given together with checkpoint.folder");
}

export function badOption(name: string, given: unknown, expected: string): ModlinguaError {
  return new ModlinguaError("config", `${name} must be ${expected}, got ${JSON.stringify(given)}`, { place: "training options" });
}
