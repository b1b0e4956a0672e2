import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ModlinguaError, randomStream } from "#src/base/index.js";
import { stack } from "#src/composition/index.js";
import { createAdapter } from "#src/computation/index.js";
import { evaluate } from "#src/evaluation/index.js";
import { createHead } from "#src/heads/index.js";
import { assemble } from "#src/model/index.js";
import { train, trainMaskedLanguageModel } from "#src/training/index.js";
import { bytesOf, labelledTexts, openTiny, taggedSentences, taggingModel, tinyFolder, words } from "./tiny.js";

const common = { train: ["task"], learningRate: 0.02, batchSize: 8, warmup: 0, tokenBudget: 64 } as const;
const options = { ...common, steps: 12 } as const;

test("a task adapter and its head learn to tag, and the best dev score is the one kept", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const [data, dev, unseen] = [taggedSentences(160, 1), taggedSentences(40, 2), taggedSentences(40, 3)];
  const before = await evaluate(model, unseen, { metric: "accuracy" });
  const report = await train(model, { ...common, epochs: 12, data, dev, metric: "accuracy", evaluateEvery: 60 });
  const after = await evaluate(model, unseen, { metric: "accuracy" });
  assert.equal(report.steps, 240);
  assert.deepEqual(report.dev.map(({ step }) => step), [60, 120, 180, 240]);
  assert.ok(report.losses.at(-1)!.loss < report.losses[0]!.loss / 2.5, `loss ${report.losses[0]!.loss} → ${report.losses.at(-1)!.loss}`);
  assert.ok(before.score < 0.5 && after.score > 0.75, `accuracy ${before.score} → ${after.score}`);
  assert.equal(report.best!.score, (await evaluate(model, dev, { metric: "accuracy" })).score);
});

for (const dropout of [0, 0.3]) test(`the same seed gives the same bytes; an interrupted and resumed run too (dropout ${dropout})`, async (t) => {
  const folder = tinyFolder(t);
  const data = taggedSentences(60, 1);
  const dev = taggedSentences(20, 2);
  const run = async (extra: object, onStep: (done: number) => void = () => undefined): Promise<{ stopped: string; bytes: string }> => {
    const model = taggingModel(openTiny(folder), dropout);
    try {
      const { stopped } = await train(model, { ...options, data, dev, evaluateEvery: 5, ...extra, onProgress: ({ done }) => onStep(done) });
      return { stopped, bytes: bytesOf(model, "task", "tagging") };
    } finally {
      await model.close();
    }
  };
  const whole = await run({});
  assert.deepEqual(await run({}), whole);
  assert.notEqual((await run({ seed: 1 })).bytes, whole.bytes);
  const controller = new AbortController();
  const checkpoint = { folder: join(folder, "run"), every: 100 };
  const interrupted = await run({ checkpoint, signal: controller.signal }, (done) => done === 7 && controller.abort());
  assert.equal(interrupted.stopped, "aborted");
  assert.deepEqual(await run({ checkpoint, resume: true }), whole);
  await assert.rejects(run({ checkpoint, resume: true, data: taggedSentences(60, 9) }), /cannot go on with this checkpoint: data was/);
});

test("a training set with one label is refused", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const sentences = taggedSentences(4, 1);
  const data = sentences.map((sentence) => ({ ...sentence, tags: sentence.tags.map(() => sentences[0]!.tags[0]!) }));
  await assert.rejects(train(model, { ...options, data }), /the training set has the label ".*" only, so there is nothing to learn — give examples of at least two labels/);
});

test("one batch and its micro-batches give the same step", async (t) => {
  const folder = tinyFolder(t);
  const data = taggedSentences(16, 1);
  const weights: Float32Array[] = [];
  for (const tokenBudget of [1024, 24]) {
    const model = taggingModel(openTiny(folder));
    t.after(() => model.close());
    await train(model, { ...options, data, steps: 1, batchSize: 16, tokenBudget, optimizer: "sgd", learningRate: 1 });
    weights.push(Float32Array.from(["task", "tagging"].flatMap((name) => model.module(name).parameters.entries().flatMap(([, { data: values }]) => [...values]))));
  }
  weights[0]!.forEach((value, i) => assert.ok(Math.abs(value - weights[1]![i]!) < 1e-6));
});

test("texts are classified, also with the head frozen", async (t) => {
  const folder = tinyFolder(t);
  const model = assemble(openTiny(folder), { adapters: [createAdapter("task", { method: "bottleneck", reductionFactor: 2 })], composition: stack(["task"]), head: createHead("classification", { labels: ["early", "late"] }) });
  t.after(() => model.close());
  await model.prepare();
  const head = bytesOf(model, "classification");
  const report = await train(model, { ...options, head: false, data: labelledTexts(96, 1), steps: 60 });
  assert.equal(bytesOf(model, "classification"), head);
  const mean = (losses: typeof report.losses): number => losses.reduce((sum, { loss }) => sum + loss, 0) / losses.length;
  assert.ok(mean(report.losses.slice(-8)) < mean(report.losses.slice(0, 8)));
});

test("an adapter and the masked-LM head learn a text, and resume to the bit", async (t) => {
  const folder = tinyFolder(t);
  const random = randomStream(1, "text");
  // every word is followed by the next one, so that a masked word can be told from its neighbours
  const files = ["one.txt", "two.txt"].map((name) => join(folder, name));
  for (const file of files) {
    writeFileSync(file, Array.from({ length: 80 }, () => {
      const start = random.integer(10);
      return Array.from({ length: 12 }, (_, i) => words[(start + i) % 10]).join(" ");
    }).join("\n"));
  }
  const run = async (extra: object, onStep: (done: number) => void = () => undefined, candidates = false): Promise<{ bytes: string; report: Awaited<ReturnType<typeof trainMaskedLanguageModel>> }> => {
    const model = assemble(openTiny(folder), {
      adapters: [createAdapter("lang", { method: "bottleneck", reductionFactor: 1, invertible: "nice" })], composition: stack(["lang"]), head: createHead("maskedLm", { candidates }, { name: "mlm" }),
    });
    try {
      const report = await trainMaskedLanguageModel(model, {
        train: ["lang", "mlm"], text: files, steps: 30, learningRate: 0.02, batchSize: 8, maxLength: 24, tokenBudget: 96, warmup: 0, shuffleBuffer: 16,
        heldOut: { text: files, sequences: 4 }, evaluateEvery: 10, ...extra, onProgress: ({ done }) => onStep(done),
      });
      return { bytes: bytesOf(model, "lang", "mlm"), report };
    } finally {
      await model.close();
    }
  };
  const whole = await run({});
  const [first, last] = [whole.report.dev[0]!, whole.report.dev.at(-1)!];
  assert.ok(last.score < first.score && last.score < 40, `perplexity ${first.score} → ${last.score}`);
  assert.ok(last.numbers!["accuracy"]! >= 0 && last.numbers!["accuracy"]! <= 1);
  assert.equal(whole.report.epochs, undefined);
  // a softmax over the pieces of the text learns as well, and starts lower: it never has to rule out the rest of the vocabulary
  const narrow = await run({}, undefined, true);
  assert.ok(narrow.report.losses[0]!.loss < whole.report.losses[0]!.loss && narrow.report.losses.at(-1)!.loss < narrow.report.losses[0]!.loss);
  const controller = new AbortController();
  const checkpoint = { folder: join(folder, "run"), every: 100 };
  const interrupted = await run({ checkpoint, signal: controller.signal }, (done) => done === 13 && controller.abort());
  assert.equal(interrupted.report.stopped, "aborted");
  assert.equal((await run({ checkpoint, resume: true })).bytes, whole.bytes);
});

test("what cannot be trained is refused before anything is built", async (t) => {
  const backbone = openTiny(tinyFolder(t));
  const model = taggingModel(backbone);
  t.after(() => model.close());
  const refuses = (run: Promise<unknown>, kind: string, pattern: RegExp): Promise<void> => assert.rejects(run, (error) => error instanceof ModlinguaError && error.kind === kind && pattern.test(error.message));
  const data = taggedSentences(8, 1);
  await refuses(train(model, { ...options, data: [] }), "data", /the training set is empty/);
  await refuses(train(model, { ...options, data: labelledTexts(8, 1) }), "data", /example t1: the head "tagging" does tagging, the example is one of classification/);
  await refuses(train(model, { ...options, data: [{ ...data[0]!, tags: data[0]!.words.map(() => "B-ORG") }] }), "data", /example s1, word 1 \("\w+"\): the head does not know the gold label "B-ORG"; its labels: O, B-LOC/);
  await refuses(train(model, { ...options, data, epochs: 2 }), "config", /epochs must be left out where steps is given/);
  await refuses(train(model, { ...options, data, train: ["tsak"] }), "training", /tsak/);
  await refuses(train(assemble(backbone), { ...options, data }), "training", /a model without a head has no loss/);
  await refuses(trainMaskedLanguageModel(model, { train: ["task"], text: "missing.txt", steps: 1 }), "training", /needs a maskedLm head, the model has the tagging head "tagging"/);
  const masked = model.withHead(createHead("maskedLm", {}));
  await refuses(trainMaskedLanguageModel(masked, { train: ["task"], text: "missing.txt", steps: 1 }), "io", /missing\.txt: there is no such file/);
});
