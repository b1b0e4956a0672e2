import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { type Counts, type TaggedText, evaluate, evaluateMaskedLm, metricOf, predict, sumCounts } from "#src/evaluation/index.js";
import { createHead } from "#src/heads/index.js";
import { assemble } from "#src/model/index.js";
import { labelledTexts, openTiny, taggedSentences, taggingModel, tags, tinyFolder, words } from "../training/tiny.js";

const refuses = (run: Promise<unknown>, kind: string, pattern: RegExp): Promise<void> => assert.rejects(run, (error) => error instanceof ModlinguaError && error.kind === kind && pattern.test(error.message));

test("an evaluation holds the counts its score comes from, and batches do not change it", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const examples = taggedSentences(30, 4);
  const done: number[] = [];
  const whole = await evaluate(model, { examples }, { onProgress: (progress) => done.push(progress.done) });
  assert.deepEqual([whole.metric, whole.options], ["spanF1", { scheme: "iob2", decoding: "strict" }]);
  assert.deepEqual([whole.n, whole.counts.length, whole.predictions.length, done.at(-1), whole.truncatedWords], [30, 30, 30, 30, 0]);
  assert.equal(metricOf("spanF1").score(sumCounts(whole.counts)).score, whole.score);
  const single = await evaluate(model, examples, { tokenBudget: 1 });
  assert.deepEqual(single.counts, whole.counts);
  const accuracy = await evaluate(model, examples, { metric: "accuracy" });
  const gold = examples.flatMap((example) => example.tags);
  const said = accuracy.predictions.flatMap((prediction) => ("labels" in prediction ? prediction.labels : []));
  assert.equal(accuracy.score, said.filter((label, i) => label === gold[i]).length / gold.length);
});

test("words that do not fit into the input are counted and missed", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const example = { id: "long", words: words.slice(0, 8), tags: words.slice(0, 8).map((_, i) => tags[i % 5]!) };
  const [cut, whole] = [await evaluate(model, [example], { metric: "accuracy", maxLength: 6 }), await evaluate(model, [example], { metric: "accuracy" })];
  const total = (counts: readonly Counts[], key: string): number => Object.values(sumCounts(counts)).reduce((sum, numbers) => sum + (numbers[key] ?? 0), 0);
  assert.equal(cut.truncatedWords, 4);
  assert.equal(whole.truncatedWords, 0);
  assert.equal(total(cut.counts, "tp") + total(cut.counts, "fn"), 8);
  assert.ok(total(cut.counts, "fn") >= 4);
  assert.ok(total(cut.counts, "fp") <= 4, "a missing answer is no wrong one");
  assert.equal((await evaluate(model, [example], { maxLength: 6 })).truncatedWords, 4);
});

test("what cannot be scored is refused with its place, before or after the run", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const [example] = taggedSentences(1, 1);
  const withTags = (tag: string): object => ({ ...example!, tags: example!.tags.map(() => tag) });
  const run = (examples: readonly object[], metric?: "accuracy"): Promise<unknown> => evaluate(model, examples as never, metric === undefined ? {} : { metric });
  await refuses(run([]), "data", /the evaluation set is empty/);
  await refuses(run([withTags("B-ORG")]), "data", /the evaluation set, example s1, word 1 .*does not know the gold label "B-ORG"/);
  await refuses(run([withTags("_")]), "data", /the gold label "_" is a placeholder/);
  await refuses(run([withTags("-100")]), "data", /the gold label "-100" is a placeholder/);
  await refuses(run([withTags("O")]), "data", /span F1 is undefined: no entity/);
  await refuses(run([withTags("O")], "accuracy"), "data", /every gold label is "O"/);
  await refuses(run([{ ...example!, tags: ["O"] }]), "data", /words but 1 tags/);
  await refuses(run(labelledTexts(1, 1)), "data", /the example is one of classification/);
  await refuses(run([{ id: "q", text: "a", question: "cause", choices: ["a", "b"], label: 0 }]), "data", /none with words and tags or a text and a label/);
  await refuses(evaluate(assemble(model.backbone), [example!]), "config", /a model without a head predicts nothing/);
  await refuses(evaluate(model, [example!], { signal: AbortSignal.abort() }), "aborted", /interrupted/);
});

test("predictions lie where their words lie in the text", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  const text = "ba, be  bi! 你好";
  const [raw, list, empty] = await predict(model, [text, ["ba", "be", "bi"], " "]) as [TaggedText, TaggedText, TaggedText];
  assert.deepEqual(raw.words.slice(0, 4).map(({ word }) => word), ["ba", ",", "be", "bi"]);
  for (const { word, start, end, label, score } of raw.words) {
    assert.equal(text.slice(start, end), word);
    assert.ok(tags.includes(label) && score > 1 / tags.length && score <= 1);
  }
  for (const { text: surface, start, end } of raw.spans) assert.equal(text.slice(start, end), surface);
  assert.deepEqual(list.words.map(({ word, start, end }) => [word, start, end]), [["ba", 0, 2], ["be", 3, 5], ["bi", 6, 8]]);
  assert.deepEqual([empty.words, empty.spans], [[], []]);
  const [alone] = await predict(model, [["ba", "be", "bi"]]) as [TaggedText];
  assert.deepEqual(alone.words.map(({ label }) => label), list.words.map(({ label }) => label));
  assert.deepEqual(await predict(model, []), []);
});

test("spans join the words of an entity", async (t) => {
  const model = taggingModel(openTiny(tinyFolder(t)));
  t.after(() => model.close());
  await model.prepare();
  // with the weights at zero only the bias decides: every word is inside a place
  const { parameters } = model.head!;
  parameters.get("out.weight")!.data.fill(0);
  parameters.get("out.bias")!.data.set([0, 0, 2, 0, 0]);
  parameters.touch();
  const [found] = await predict(model, ["ba be bi"]) as [TaggedText];
  const score = Math.exp(2) / (Math.exp(2) + 4);
  assert.deepEqual(found.spans.map(({ score: _, ...span }) => span), [{ type: "LOC", text: "ba be bi", start: 0, end: 8, words: [0, 3] }]);
  assert.ok(Math.abs(found.spans[0]!.score - score) < 1e-6);
});

test("a classification head gives each text a label and the probabilities of all", async (t) => {
  const model = assemble(openTiny(tinyFolder(t)), { head: createHead("classification", { labels: ["early", "late"] }) });
  t.after(() => model.close());
  const [one, two] = await predict(model, ["ba be", { text: "ba", pair: "be" }]);
  for (const found of [one!, two!]) {
    assert.ok(found.task === "classification");
    assert.ok(Math.abs(found.scores["early"]! + found.scores["late"]! - 1) < 1e-6);
    assert.equal(found.label, found.scores["early"]! > found.scores["late"]! ? "early" : "late");
  }
  const { metric, score } = await evaluate(model, labelledTexts(20, 1), { metric: "macroF1" });
  assert.ok(metric === "macroF1" && score >= 0 && score <= 1);
});

test("the perplexity of a masked-LM head that knows nothing is the size of the vocabulary", async (t) => {
  const folder = tinyFolder(t);
  const model = assemble(openTiny(folder), { head: createHead("maskedLm", {}) });
  t.after(() => model.close());
  await model.prepare();
  const { parameters } = model.head!;
  parameters.get("norm.weight")!.data.fill(0);
  parameters.get("norm.bias")!.data.fill(0);
  parameters.touch();
  const file = join(folder, "text.txt");
  writeFileSync(file, Array.from({ length: 40 }, (_, i) => words.slice(i, i + 9).join(" ")).join("\n"));
  const score = await evaluateMaskedLm(model, { text: file, sequences: 6, maxLength: 20 });
  assert.ok(Math.abs(score.perplexity / model.backbone.config.vocabulary - 1) < 1e-5);
  assert.ok(score.n >= 6);
  assert.equal((await evaluateMaskedLm(model, { text: file, sequences: 6, maxLength: 20 })).n, score.n);
  await refuses(evaluateMaskedLm(model, { text: [] }), "data", /no text was given/);
});
