import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { type MetricChoice, type MetricName, type Score, chooseMetric, countLabels, decodeSpans, metricNames, metricOf, sumCounts } from "#src/evaluation/index.js";
import { ModlinguaError, randomStream } from "#src/base/index.js";

const labels = ["a", "b", "c"];

function scoreOf(choice: MetricChoice, pairs: readonly (readonly [predicted: readonly string[], gold: readonly string[]])[]): Score {
  const chosen = chooseMetric(choice);
  return chosen.metric.score(sumCounts(pairs.map(([predicted, gold]) => countLabels(chosen, predicted, gold))));
}

function refused(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ModlinguaError && error.kind === "data" && error.remedy !== undefined && pattern.test(error.message);
}

function randomPairs(seed: number, sentences: number): [string[], string[]][] {
  const random = randomStream(seed, "pairs");
  const draw = (count: number): string[] => Array.from({ length: count }, () => labels[random.integer(3)]!);
  return Array.from({ length: sentences }, () => {
    const count = 1 + random.integer(5);
    return [draw(count), draw(count)];
  });
}

const labelMetrics: readonly MetricName[] = metricNames().filter((name) => metricOf(name).needs === "labels");

test("every metric says its own name and what it is", () => {
  for (const name of metricNames()) {
    assert.equal(metricOf(name).name, name);
    assert.ok(metricOf(name).about.length > 20);
  }
});

test("a perfect prediction scores 1, a wholly wrong one 0", () => {
  for (const name of labelMetrics) {
    assert.equal(scoreOf(name, [[["a", "b"], ["a", "b"]], [["c"], ["c"]]]).score, 1, name);
    assert.equal(scoreOf(name, [[["b", "c"], ["a", "b"]], [["a"], ["c"]]]).score, 0, name);
  }
});

test("counts are additive: the sum of two halves is the whole, in any order", () => {
  for (const name of labelMetrics) {
    const pairs = randomPairs(7, 40);
    const chosen = chooseMetric(name);
    const count = (some: typeof pairs): ReturnType<typeof sumCounts> => sumCounts(some.map(([predicted, gold]) => countLabels(chosen, predicted, gold)));
    const halves = sumCounts([count(pairs.slice(0, 13)), count(pairs.slice(13))]);
    assert.deepEqual(halves, count(pairs));
    assert.equal(chosen.metric.score(halves).score, scoreOf(name, [...pairs].reverse()).score);
  }
});

test("accuracy, micro and macro F1 agree with their definitions on random labels", () => {
  for (let seed = 0; seed < 20; seed++) {
    const pairs = randomPairs(seed, 30);
    const items = pairs.flatMap(([predicted, gold]) => gold.map((label, i) => [predicted[i]!, label] as const));
    const right = items.filter(([predicted, gold]) => predicted === gold).length / items.length;
    const f1 = labels.map((label) => {
      const both = items.filter(([predicted, gold]) => predicted === label && gold === label).length;
      const either = items.filter(([predicted]) => predicted === label).length + items.filter(([, gold]) => gold === label).length;
      return (2 * both) / either;
    });
    assert.ok(Math.abs(scoreOf("accuracy", pairs).score - right) < 1e-12);
    assert.ok(Math.abs(scoreOf("microF1", pairs).score - right) < 1e-12);
    assert.ok(Math.abs(scoreOf("macroF1", pairs).score - (f1[0]! + f1[1]! + f1[2]!) / 3) < 1e-12);
  }
});

test("macro F1 by hand: a class that was only predicted counts as 0", () => {
  const { score, parts } = scoreOf("macroF1", [[["a", "a", "c"], ["a", "b", "b"]]]);
  assert.deepEqual(parts["a"], { precision: 0.5, recall: 1, f1: 2 / 3, support: 1, predicted: 2 });
  assert.deepEqual(parts["c"], { precision: 0, recall: 0, f1: 0, support: 0, predicted: 1 });
  assert.ok(Math.abs(score - 2 / 9) < 1e-12);
});

test("span F1 by hand: type and both ends must match", () => {
  const gold = ["B-LOC", "I-LOC", "O", "B-PER", "B-PER", "O"];
  const predicted = ["B-LOC", "I-LOC", "O", "B-PER", "I-PER", "B-LOC"];
  const { score, parts } = scoreOf("spanF1", [[predicted, gold]]);
  assert.ok(Math.abs(score - 2 / 6) < 1e-12);
  assert.deepEqual(parts["LOC"], { precision: 0.5, recall: 1, f1: 2 / 3, support: 1, predicted: 2 });
  assert.deepEqual(parts["PER"], { precision: 0, recall: 0, f1: 0, support: 2, predicted: 1 });
});

test("a stray inside tag is no span by default and one for conlleval", () => {
  const stray = ["O", "I-LOC", "I-LOC"];
  assert.deepEqual(decodeSpans(stray), { spans: [], malformed: [{ type: "LOC", start: 1, end: 3 }] });
  assert.deepEqual(decodeSpans(stray, "iob2", "lenient").spans, [{ type: "LOC", start: 1, end: 3 }]);
  assert.deepEqual(decodeSpans(stray, "iob1").spans, [{ type: "LOC", start: 1, end: 3 }]);
});

interface SeqevalCase {
  readonly scheme: "iob1" | "iob2" | "bioes";
  readonly gold: string[][];
  readonly predicted: string[][];
  /** Null for iob1, where seqeval begins an entity in the middle of a malformed one. */
  readonly strict: [string, number, number][][] | null;
  readonly lenient: [string, number, number][][];
  readonly f1Strict: number | null;
  readonly f1Lenient: number;
}

test("spans and their F1 are those of seqeval, strict and lenient, in all schemes", () => {
  const cases = JSON.parse(readFileSync("test/evaluation/seqeval.json", "utf8")) as SeqevalCase[];
  assert.deepEqual([...new Set(cases.map(({ scheme }) => scheme))], ["iob1", "iob2", "bioes"]);
  for (const { scheme, gold, predicted, ...expected } of cases) {
    for (const decoding of ["strict", "lenient"] as const) {
      expected[decoding]?.forEach((entities, i) => {
        const spans = decodeSpans(gold[i]!, scheme, decoding).spans.map(({ type, start, end }) => [type, start, end]);
        assert.deepEqual(spans, entities, `${scheme} ${decoding} ${gold[i]!.join(" ")}`);
      });
      const f1 = decoding === "strict" ? expected.f1Strict : expected.f1Lenient;
      if (f1 !== null) assert.ok(Math.abs(spanScore({ metric: "spanF1", scheme, decoding }, predicted, gold) - f1) < 1e-12, `${scheme} ${decoding}`);
    }
  }
});

/** The score of random tags, most of which are malformed, so that a strict reading would be refused: without the counts of those. */
function spanScore(choice: MetricChoice, predicted: readonly string[][], gold: readonly string[][]): number {
  const chosen = chooseMetric(choice);
  const counts = sumCounts(gold.map((tags, i) => countLabels(chosen, predicted[i]!, tags)));
  return chosen.metric.score(Object.fromEntries(Object.entries(counts).map(([type, { malformed: _, ...rest }]) => [type, rest]))).score;
}

test("a misplaced B of IOB1 is malformed", () => {
  assert.deepEqual(decodeSpans(["B-LOC", "O", "I-LOC", "B-LOC", "I-LOC"], "iob1"), {
    spans: [{ type: "LOC", start: 2, end: 3 }, { type: "LOC", start: 3, end: 5 }], malformed: [{ type: "LOC", start: 0, end: 1 }],
  });
});

test("perplexity of a uniform guess over k words is k", () => {
  const metric = metricOf("perplexity");
  assert.ok(metric.needs === "tokenLosses");
  const counts = sumCounts([metric.count([Math.log(50), Math.log(50)]), metric.count([Math.log(50)])]);
  assert.ok(Math.abs(metric.score(counts).score - 50) < 1e-9);
  assert.throws(() => metric.score(metric.count([])), refused(/empty set/));
  assert.throws(() => metric.count([1, NaN]), refused(/token 1 is NaN/));
});

test("what has no score is refused, never NaN", () => {
  for (const name of labelMetrics) {
    assert.throws(() => scoreOf(name, []), refused(/empty set/), name);
    assert.throws(() => scoreOf(name, [[["a", "b"], ["a", "a"]]]), refused(/every gold label is "a"/), name);
    assert.throws(() => scoreOf(name, [[["a"], ["a", "b"]]]), refused(/1 predicted, 2 gold/), name);
  }
  assert.throws(() => scoreOf("spanF1", []), refused(/empty set/));
  assert.throws(() => scoreOf("spanF1", [[["B-LOC", "O"], ["O", "O"]]]), refused(/no entity in the 2 gold words/));
  assert.throws(() => scoreOf("spanF1", [[["O", "O"], ["I-LOC", "O"]]]), refused(/not written in the declared scheme: 1 entities break it, 0 keep it/));
  assert.throws(() => scoreOf("spanF1", [[["O"], ["NOUN"]]]), refused(/"NOUN" is not a tag of the scheme iob2: expected O or I-TYPE, B-TYPE/));
  assert.throws(() => scoreOf("spanF1", [[["O"], ["S-LOC"]]]), refused(/"S-LOC" is not a tag/));
});

test("unknown metrics, options and schemes are named with what exists", () => {
  assert.throws(() => chooseMetric("acuracy" as MetricName), /unknown metric "acuracy"; known: accuracy, .* did you mean "accuracy"/);
  assert.throws(() => chooseMetric({ metric: "spanF1", shceme: "iob1" } as unknown as MetricChoice), /did you mean "scheme"/);
  assert.throws(() => scoreOf({ metric: "spanF1", scheme: "bilou" as "iob1" }, [[["O"], ["O"]]]), /unknown span scheme "bilou"/);
});
