import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type Tensor, float32 } from "#src/base/index.js";
import { createAdapter } from "#src/computation/index.js";
import type { Encoded } from "#src/data/index.js";
import { type Head, type TaskName, createHead, taskNames, taskOf } from "#src/heads/index.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";
import { distance, shake, tinyFeeds } from "../model/batch.js";
import { directionalError } from "../model/derivative.js";
import { openTiny } from "../model/tiny.js";

const backbone = openTiny("bert-opset17");
const feeds = tinyFeeds(backbone);
const adapter = createAdapter("a", { method: "bottleneck", reductionFactor: 4, nonLinearity: "gelu", invertible: "nice" });
const opened: AdaptedModel[] = [];
after(() => Promise.all(opened.map((model) => model.close())));

/** Two sentences as `tinyFeeds` holds them: the first of three words in two, one and two pieces, the second of two. */
const encoded: readonly Encoded[] = [
  { ids: [2, 84, 17, 110, 45, 67, 3], wordOf: [-1, 0, 0, 1, 2, 2, -1], typeOf: [0, 0, 0, 0, 1, 1, 1], words: 4, truncatedWords: 1 },
  { ids: [2, 20, 92, 3], wordOf: [-1, 0, 1, -1], typeOf: [0, 0, 1, 1], words: 2, truncatedWords: 0 },
];
const batch = { encoded, length: 7 };
const labels = ["O", "B-LOC", "I-LOC"];

/** What each task is given to learn here; a task without an entry fails. */
const targets: { readonly [T in TaskName]: readonly unknown[] } = {
  tagging: [["B-LOC", "I-LOC", "O", "O"], ["O", "B-LOC"]],
  classification: ["B-LOC", "O"],
  maskedLm: [{ positions: [2, 4], labels: [17, 45] }, { positions: [8], labels: [20] }],
};
const configs: { readonly [T in TaskName]: readonly object[] } = {
  tagging: [{ labels, pieces: "first" }, { labels, pieces: "firstContent" }, { labels, pieces: "all" }, { labels, pieces: "mean" }, { labels, layers: 2, activation: "gelu" }],
  classification: [{ labels, pooling: "first" }, { labels, pooling: "mean" }, { labels, layers: 1 }],
  maskedLm: [{ vocabulary: 120 }],
};

async function modelWith(head: Head): Promise<AdaptedModel> {
  const model = assemble(backbone, { adapters: [adapter], composition: adapter, head }) as AdaptedModel;
  opened.push(model);
  return model;
}

const make = (task: TaskName, config: object): Head => createHead(task, config as never, { name: "head" }) as unknown as Head;

for (const task of taskNames) {
  for (const config of configs[task]) {
    describe(`${task} ${JSON.stringify(config)}`, () => {
      const { trainFeeds, predictFeeds, decode } = taskOf(task);

      it("has gradients that agree with central differences, of the head and of what lies below", async () => {
        const head = make(task, config);
        const model = await modelWith(head);
        const step = await model.training(["a", "head"]);
        shake(adapter.parameters, 1, 0.1);
        shake(head.parameters, 2);
        const { feeds: own, count } = trainFeeds(batch, targets[task], head.config);
        assert.ok((await directionalError(step, { ...feeds, ...own, lossScale: float32([], [1 / count]) })) < 2e-3);
      });

      it("its loss is the sum of −log p over what it labels, as its own predictions say", async () => {
        const head = make(task, config);
        const model = await modelWith(head);
        const step = await model.training(["head"]);
        shake(head.parameters, 3);
        step.touch();
        const { feeds: own, count } = trainFeeds(batch, targets[task], head.config);
        const { loss } = await step.run({ ...feeds, ...own, lossScale: float32([], [1]) });
        // the rows that are trained, predicted one by one: without the averaging that `all` does in prediction only
        const single = "pieces" in config && config.pieces === "all" ? make(task, { ...config, pieces: "first" }) : head;
        for (const [name, tensor] of head.parameters.entries()) single.parameters.set(name, tensor);
        const { logits } = await (await modelWith(single)).predict({ ...feeds, ...own });
        const expected = negativeLogLikelihood(logits!, own["labels"]!);
        assert.ok(Math.abs(loss - expected) < 1e-4 * expected, `loss ${loss}, expected ${expected}`);
        assert.equal(count, own["labels"]!.data.length);
      });

      it("answers every example, and scaling the loss scales it", async () => {
        const head = make(task, config);
        const model = await modelWith(head);
        const { logits } = await model.predict({ ...feeds, ...predictFeeds(batch, head.config) });
        assert.equal(decode(logits!, batch, head.config).length, 2);
        const step = await model.training(["head"]);
        const { feeds: own } = trainFeeds(batch, targets[task], head.config);
        const whole = await step.run({ ...feeds, ...own, lossScale: float32([], [1]) });
        const half = await step.run({ ...feeds, ...own, lossScale: float32([], [0.5]) });
        assert.ok(Math.abs(whole.loss - 2 * half.loss) < 1e-5 * whole.loss);
        assert.ok(distance(whole.gradients[0]!.data, half.gradients[0]!.data.map((value) => 2 * value)) < 1e-5);
      });
    });
  }
}

function negativeLogLikelihood({ data, dims }: Tensor, { data: gold }: Tensor): number {
  const classes = dims.at(-1)!;
  return Array.from(gold as BigInt64Array).reduce((sum, label, row) => {
    const logits = Array.from((data as Float32Array).subarray(row * classes, (row + 1) * classes));
    const highest = Math.max(...logits);
    return sum + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - highest), 0)) + highest - logits[Number(label)]!;
  }, 0);
}

describe("tagging", () => {
  const { predictFeeds, trainFeeds, decode } = taskOf("tagging");
  const rowsOf = (pieces: string, extra: object = {}): number[] => Array.from(predictFeeds(batch, make("tagging", { labels, pieces, ...extra }).config)["rows"]!.data, Number);

  it("each way of standing for a word takes its pieces", () => {
    assert.deepEqual(rowsOf("first"), [1, 3, 4, 8, 9]);
    assert.deepEqual(rowsOf("all"), [1, 2, 3, 4, 5, 8, 9]);
    assert.deepEqual(rowsOf("mean"), [1, 2, 3, 4, 5, 8, 9]);
  });

  it("the mean over a word's pieces weighs them evenly", () => {
    const { pool } = predictFeeds(batch, make("tagging", { labels, pieces: "mean" }).config);
    assert.deepEqual(pool!.dims, [5, 7]);
    assert.deepEqual(Array.from(pool!.data as Float32Array).slice(0, 7), [0.5, 0.5, 0, 0, 0, 0, 0]);
  });

  it("a piece carries its word's label, words that were cut off carry none", () => {
    const all = trainFeeds(batch, targets.tagging, make("tagging", { labels, pieces: "all" }).config);
    assert.deepEqual(Array.from(all.feeds["labels"]!.data, Number), [1, 1, 2, 0, 0, 0, 1]);
    assert.equal(all.count, 7);
  });

  it("decodes one label a word that was read, with its probability", () => {
    const { config } = make("tagging", { labels, pieces: "first" });
    const logits = float32([5, 3], [0, 5, 0, 0, 0, 5, 5, 0, 0, 0, 0, 0, 1, 2, 3]);
    const [first, second] = decode(logits, batch, config) as { labels: string[]; scores: number[] }[];
    assert.deepEqual([first!.labels, second!.labels], [["B-LOC", "I-LOC", "O"], ["O", "I-LOC"]]);
    assert.ok(Math.abs(second!.scores[0]! - 1 / 3) < 1e-9);
  });

  it("a label that the head does not know is refused with those it knows", () => {
    assert.throws(() => trainFeeds(batch, [["B-LOC", "I-LOC", "B-LOX"], ["O", "O"]], make("tagging", { labels }).config), /"B-LOX"; known: B-LOC, I-LOC, O — did you mean "B-LOC"\?/);
  });

  it("a batch without a word is refused", () => {
    assert.throws(() => predictFeeds({ encoded: [{ ...encoded[1]!, wordOf: [-1, -1, -1, -1] }], length: 4 }, make("tagging", { labels }).config), /no word of this batch has a piece to tag/);
  });
});

describe("classification", () => {
  it("the mean over the pieces leaves padding out", async () => {
    const head = make("classification", { labels, pooling: "mean", layers: 1 });
    const model = await modelWith(head);
    const { logits } = await model.predict(feeds);
    const cut = Object.fromEntries(Object.entries(feeds).map(([name, { dtype, data }]) => [name, { dtype, dims: [1, 4], data: data.slice(7, 11) }]));
    const alone = await model.predict(cut);
    assert.ok(distance((logits!.data as Float32Array).slice(3), alone["logits"]!.data as Float32Array) < 1e-5);
  });

  it("probabilities sum to one, also for logits that would overflow", () => {
    const { config } = make("classification", { labels });
    const decoded = taskOf("classification").decode(float32([2, 3], [1000, 999, 0, -1000, -1000, -1000]), batch, config) as { label: string; scores: number[] }[];
    for (const { scores } of decoded) assert.ok(Math.abs(scores.reduce((sum, score) => sum + score, 0) - 1) < 1e-12);
    assert.deepEqual(decoded.map(({ label }) => label), ["O", "O"]);
  });
});

describe("masked language modelling", () => {
  it("the invertible adapter is undone before the vocabulary matrix: at depth zero nothing of it is left", async () => {
    const head = make("maskedLm", { vocabulary: 120 });
    const model = await modelWith(head);
    const own = taskOf("maskedLm").predictFeeds(batch, head.config);
    const before = (await model.predict({ ...feeds, ...own }))["logits"]!;
    const inverse = [...adapter.parameters.names].filter((name) => name.startsWith("invertible."));
    assert.ok(inverse.length > 0);
    for (const name of inverse) adapter.parameters.get(name)!.data.fill(0);
    adapter.parameters.touch();
    const after = (await model.predict({ ...feeds, ...own }))["logits"]!;
    assert.ok(distance(before.data as Float32Array, after.data as Float32Array) > 1e-6, "the inverse acts");
  });

  it("only masked positions are computed", () => {
    const { feeds: own, count } = taskOf("maskedLm").trainFeeds(batch, targets.maskedLm, make("maskedLm", {}).config);
    assert.deepEqual([Array.from(own["rows"]!.data, Number), Array.from(own["labels"]!.data, Number), count], [[2, 4, 8], [17, 45, 20], 3]);
  });
});

describe("a head that means nothing is refused", () => {
  const cases: [() => unknown, RegExp][] = [
    [() => make("tagging", { labels: [] }), /head tagging: needs at least two labels, got \[\]/],
    [() => make("classification", { labels: ["a"] }), /head classification: needs at least two labels, got \["a"\]/],
    [() => make("tagging", { labels: ["a", "b", "a"] }), /the label "a" is listed twice/],
    [() => make("tagging", { labels, peaces: "first" }), /unknown key of the head tagging "peaces"; known: .* did you mean "pieces"\?/],
    [() => make("tagger" as TaskName, {}), /unknown head task "tagger"/],
  ];
  for (const [build, message] of cases) it(String(message), () => void assert.throws(build, message));

  it("a value of a key that means nothing", () => {
    assert.throws(() => make("tagging", { labels, pieces: "last" }), /pieces/);
    assert.throws(() => make("tagging", { labels, layers: 0 }), /layers/);
    assert.throws(() => make("classification", { labels, pooling: "max" }), /pooling/);
  });

  it("a head and a module of one name", () => {
    assert.throws(() => assemble(backbone, { adapters: [createAdapter("x")], head: createHead("tagging", { labels }, { name: "x" }) }), /the head and a module are both called "x" — give the head another name/);
  });
});
