import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type TrainingJob, accumulate, exampleSource, runTraining } from "#src/training/index.js";
import { ModlinguaError } from "#src/base/index.js";
import { LeastSquares, batchOf, evaluator, examples, job, points, source, width } from "./leastSquares.js";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-training-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "run");
}

const isKind = (kind: string, pattern: RegExp) => (error: unknown): boolean => error instanceof ModlinguaError && error.kind === kind && pattern.test(error.message);

test("training lowers the loss, counts tokens and reports every step", async () => {
  const program = new LeastSquares();
  const seen: number[] = [];
  const report = await runTraining(job(program, { steps: 60, onProgress: ({ done, numbers }) => seen.push(done, numbers!["loss"]!) }));
  assert.equal(report.stopped, "done");
  assert.equal(report.steps, 60);
  assert.equal(report.losses.length, 60);
  assert.ok(report.losses.at(-1)!.loss < report.losses[0]!.loss / 10);
  assert.equal(report.epochs, 15);
  assert.equal(report.tokens, 15 * examples * 7);
  assert.equal(program.touched, 60);
  assert.deepEqual(seen.filter((_, i) => i % 2 === 0), Array.from({ length: 60 }, (_, i) => i + 1));
});

test("every example is seen once a pass, in an order of its own", async () => {
  const epochs: number[][] = [];
  const lengths = Array.from({ length: examples }, (_, index) => 5 + (index % 7));
  const watched = exampleSource({ lengths, batchSize: 16, tokenBudget: 40, seed: 1, batchOf: (indices) => {
    assert.ok(indices.length * Math.max(...indices.map((index) => lengths[index]!)) <= 40);
    epochs.at(-1)!.push(...indices);
    return batchOf(indices);
  } });
  for (let step = 0; step < 8; step++) {
    if (step % 4 === 0) epochs.push([]);
    await watched.next();
  }
  for (const epoch of epochs) assert.deepEqual([...epoch].sort((a, b) => a - b), [...points.y.keys()]);
  assert.notDeepEqual(epochs[0], epochs[1]);
});

test("the same seed gives the same bytes, another seed others", async () => {
  const [first, second, other] = [new LeastSquares(), new LeastSquares(), new LeastSquares()];
  await runTraining(job(first));
  await runTraining(job(second));
  await runTraining(job(other, { source: source(1) }));
  assert.equal(first.bytes(), second.bytes());
  assert.notEqual(first.bytes(), other.bytes());
});

test("a batch of 16 is four micro-batches of 4, also when they carry different numbers of labels", async () => {
  const program = new LeastSquares();
  const sums = (): Float32Array[] => [new Float32Array(width), new Float32Array(1)];
  const indices = Array.from({ length: 16 }, (_, index) => index);
  const [whole, quarters, uneven] = [sums(), sums(), sums()];
  const losses = [
    await accumulate(program, [batchOf(indices)], whole),
    await accumulate(program, [0, 4, 8, 12].map((start) => batchOf(indices.slice(start, start + 4))), quarters),
    await accumulate(program, [batchOf(indices.slice(0, 13)), batchOf([]), batchOf(indices.slice(13))], uneven),
  ];
  for (const loss of losses) assert.ok(Math.abs(loss - losses[0]!) < 1e-6);
  for (const gradients of [quarters, uneven]) gradients.forEach((gradient, t) => gradient.forEach((value, i) => assert.ok(Math.abs(value - whole[t]![i]!) < 1e-6)));
  assert.ok(whole[0]!.some((value) => Math.abs(value) > 0.1));
});

test("a batch without a label is refused", async () => {
  await assert.rejects(accumulate(new LeastSquares(), [batchOf([])], []), isKind("data", /nothing with a label/));
});

test("killed at any step and resumed, the bytes are those of a run that was not", async (t) => {
  const whole = new LeastSquares();
  const options = { evaluateEvery: 3, goal: "lowest", learningRate: 0.3 } as const;
  const wholeReport = await runTraining(job(whole, { ...options, evaluate: evaluator(whole) }));
  for (const deathAt of [1, 4, 13, 27, 50]) {
    const checkpoint = { folder: temporaryFolder(t), every: 2 };
    const killed = new LeastSquares();
    killed.beforeRun = (run) => {
      if (run === deathAt) throw new Error("killed");
    };
    await assert.rejects(runTraining(job(killed, { ...options, evaluate: evaluator(killed), checkpoint })), /killed/);
    const resumed = new LeastSquares();
    const report = await runTraining(job(resumed, { ...options, evaluate: evaluator(resumed), checkpoint, resume: true }));
    assert.equal(resumed.bytes(), whole.bytes(), `killed in run ${deathAt}`);
    const { seconds: _, tokensPerSecond: __, ...numbers } = report;
    const { seconds: ___, tokensPerSecond: ____, ...expected } = wholeReport;
    assert.deepEqual(numbers, expected);
  }
});

test("a process that is really killed, again and again, ends with the bytes of one that was not", async (t) => {
  const whole = new LeastSquares();
  await runTraining(job(whole, { steps: 60 }));
  const folder = temporaryFolder(t);
  const bytes = await untilDone(folder, [9, 23, 24, 41]);
  assert.equal(bytes, whole.bytes());
});

/** Runs `killedRun.js` in processes of their own, each killed when it reports one of the steps; gives what the last one prints. */
async function untilDone(folder: string, deaths: readonly number[]): Promise<string> {
  const [death, ...later] = deaths;
  const child = spawn(process.execPath, ["build/test/training/killedRun.js", folder], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (death !== undefined && output.includes(`step ${death}\n`)) child.kill("SIGKILL");
  }
  if (death === undefined) return /^done (.*)$/m.exec(output)![1]!;
  assert.ok(!output.includes("done"), "the process ended before it was killed");
  return untilDone(folder, later);
}

test("an interrupt saves the last whole step, and the resumed run gives the same bytes", async (t) => {
  const whole = new LeastSquares();
  await runTraining(job(whole));
  const checkpoint = { folder: temporaryFolder(t), every: 1000 };
  const controller = new AbortController();
  const interrupted = new LeastSquares();
  interrupted.beforeRun = (run) => {
    if (run === 18) controller.abort();
  };
  const report = await runTraining(job(interrupted, { checkpoint, signal: controller.signal }));
  assert.equal(report.stopped, "aborted");
  assert.ok(report.steps > 0 && report.steps < 20);
  assert.equal(report.losses.length, report.steps);
  const resumed = new LeastSquares();
  const rest = await runTraining(job(resumed, { checkpoint, resume: true }));
  assert.equal(rest.stopped, "done");
  assert.equal(resumed.bytes(), whole.bytes());
});

test("a signal that has fired before the first step leaves everything as it was", async () => {
  const program = new LeastSquares();
  const report = await runTraining(job(program, { signal: AbortSignal.abort() }));
  assert.deepEqual([report.stopped, report.steps, program.runs, program.bytes()], ["aborted", 0, 0, new LeastSquares().bytes()]);
});

test("early stopping waits for `patience` evaluations and keeps the best", async (t) => {
  const program = new LeastSquares();
  const scores = [0.2, 0.6, 0.5, 0.6, 0.4, 0.9];
  const states: string[] = [];
  const evaluate = async (): Promise<{ score: number }> => {
    states.push(program.bytes());
    return { score: scores[states.length - 1]! };
  };
  const checkpoint = { folder: temporaryFolder(t), every: 5 };
  const report = await runTraining(job(program, { evaluate, evaluateEvery: 2, patience: 3, checkpoint }));
  assert.equal(report.stopped, "early");
  assert.deepEqual(report.dev.map(({ step }) => step), [2, 4, 6, 8, 10]);
  assert.deepEqual(report.best, { step: 4, score: 0.6 });
  assert.equal(program.bytes(), states[1]);
  assert.deepEqual(readdirSync(checkpoint.folder).sort(), ["best-4.safetensors", "checkpoint.json", "last-10.safetensors"]);
  const again = new LeastSquares();
  const resumed = await runTraining(job(again, { evaluate, evaluateEvery: 2, patience: 3, checkpoint, resume: true }));
  assert.deepEqual([resumed.stopped, resumed.steps, again.runs, again.bytes()], ["early", 10, 0, states[1]]);
});

test("a loss that is not a number stops the run before the parameters move", async () => {
  const program = new LeastSquares();
  const twin = new LeastSquares();
  program.poison = 1;
  await assert.rejects(runTraining(job(program)), isKind("training", /step 1: the loss is NaN at a learning rate of 0\.0500.*lower learningRate \(say 0\.0050\)/));
  assert.equal(program.bytes(), twin.bytes());
});

test("a checkpoint is resumed only by the run it belongs to", async (t) => {
  const checkpoint = { folder: temporaryFolder(t), every: 5 };
  await runTraining(job(new LeastSquares(), { checkpoint, config: { seed: 1 } }));
  await assert.rejects(runTraining(job(new LeastSquares(), { checkpoint, resume: true, config: { seed: 2 } })), isKind("training", /seed was 1 and is now 2/));
  await assert.rejects(runTraining(job(new LeastSquares(), { checkpoint, resume: true, config: { seed: 1 }, learningRate: 1 })), isKind("training", /learningRate was 0\.05 and is now 1/));
});

test("a damaged checkpoint is refused, a new run replaces it", async (t) => {
  const checkpoint = { folder: temporaryFolder(t), every: 5 };
  await runTraining(job(new LeastSquares(), { checkpoint }));
  const last = join(checkpoint.folder, "last-20.safetensors");
  const bytes = readFileSync(last);
  writeFileSync(last, bytes.subarray(0, bytes.length - 3));
  await assert.rejects(runTraining(job(new LeastSquares(), { checkpoint, resume: true })), isKind("format", /last-20\.safetensors/));
  writeFileSync(join(checkpoint.folder, "checkpoint.json"), "{");
  await assert.rejects(runTraining(job(new LeastSquares(), { checkpoint, resume: true })), isKind("format", /is not a checkpoint/));
  await runTraining(job(new LeastSquares(), { checkpoint, steps: 7 }));
  assert.deepEqual(readdirSync(checkpoint.folder).sort(), ["checkpoint.json", "last-7.safetensors"]);
  assert.ok(existsSync(checkpoint.folder));
});

test("options that mean nothing are refused by name", async () => {
  const refuses = (options: Partial<TrainingJob>, pattern: RegExp): Promise<void> => assert.rejects(runTraining(job(new LeastSquares(), options)), isKind("config", pattern));
  await refuses({ learningRate: -1 }, /learningRate must be a number above 0, got -1/);
  await refuses({ steps: 1.5 }, /steps must be a whole number/);
  await refuses({ patience: 2 }, /patience must be given together with a dev set/);
  await refuses({ resume: true }, /resume must be given together with checkpoint\.folder/);
  await refuses({ schedule: "polynomial" as "linear" }, /unknown schedule "polynomial"/);
});
