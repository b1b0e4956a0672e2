import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomStream } from "#src/base/index.js";
import { lengthBatches, maskBatch, padBatch, paddedLength } from "#src/data/index.js";
import type { Encoded } from "#src/data/index.js";

/** A sentence of `words` words, each of one to three pieces, between cls (0) and sep (2). */
function sentence(random: ReturnType<typeof randomStream>, words: number): Encoded {
  const wordOf = Array.from({ length: words }, (_, word) => Array.from({ length: 1 + random.integer(3) }, () => word)).flat();
  const ids = wordOf.map(() => 10 + random.integer(900));
  return { ids: [0, ...ids, 2], wordOf: [-1, ...wordOf, -1], typeOf: [0, ...ids.map(() => 0), 0], words, truncatedWords: 0 };
}

describe("lengthBatches", () => {
  it("keeps every promise over many drawn cases", () => {
    const random = randomStream(1, "cases");
    for (let round = 0; round < 100; round++) {
      const lengths = Array.from({ length: random.integer(200) }, () => 1 + random.integer(random.uniform() < 0.1 ? 2000 : 60));
      const [tokenBudget, maxRows] = [50 + random.integer(1000), 1 + random.integer(40)];
      for (const shuffle of [undefined, randomStream(round, "shuffle")]) {
        const batches = lengthBatches(lengths, { tokenBudget, maxRows, ...(shuffle === undefined ? {} : { shuffle }) });
        assert.deepEqual(batches.flat().sort((a, b) => a - b), lengths.map((_, i) => i), "each once");
        for (const batch of batches) {
          const longest = Math.max(...batch.map((i) => lengths[i]!));
          assert.ok(batch.length >= 1 && batch.length <= maxRows);
          assert.ok(batch.length === 1 || batch.length * longest <= tokenBudget, "within the budget");
        }
      }
    }
  });

  it("wastes little on padding, shuffled or not, and differs from epoch to epoch", () => {
    const random = randomStream(2, "lengths");
    const lengths = Array.from({ length: 2000 }, () => 5 + random.integer(100));
    const waste = (batches: readonly (readonly number[])[]): number =>
      1 - lengths.reduce((sum, length) => sum + length, 0) / batches.reduce((sum, batch) => sum + batch.length * Math.max(...batch.map((i) => lengths[i]!)), 0);
    assert.ok(waste(lengthBatches(lengths)) < 0.02);
    const [first, second] = [1, 2].map((epoch) => lengthBatches(lengths, { shuffle: randomStream(1, "epoch", epoch) }));
    assert.ok(waste(first!) < 0.1, String(waste(first!)));
    assert.notDeepEqual(first, second);
    assert.deepEqual(first, lengthBatches(lengths, { shuffle: randomStream(1, "epoch", 1) }));
    const key = (batch: readonly number[]): string => [...batch].sort((a, b) => a - b).join();
    const known = new Set(first!.map(key));
    assert.ok(second!.filter((batch) => known.has(key(batch))).length < second!.length / 10, "other companions, not only another order");
  });

  it("refuses a budget of nothing", () => {
    assert.throws(() => lengthBatches([1], { maxRows: 0 }), /maxRows 0; both must be at least 1/);
  });
});

describe("padBatch", () => {
  it("pads on the right to the longest, or to a multiple", () => {
    const encoded = [{ ids: [5, 6, 7], typeOf: [0, 0, 1] }, { ids: [8], typeOf: [0] }];
    const { input_ids, attention_mask, token_type_ids } = padBatch(encoded, 1);
    assert.deepEqual([input_ids.dtype, input_ids.dims], ["int64", [2, 3]]);
    assert.deepEqual([...input_ids.data], [5n, 6n, 7n, 8n, 1n, 1n]);
    assert.deepEqual([...attention_mask.data], [1n, 1n, 1n, 1n, 0n, 0n]);
    assert.deepEqual([...token_type_ids.data], [0n, 0n, 1n, 0n, 0n, 0n]);
    assert.deepEqual(padBatch(encoded, 1, { multipleOf: 8 }).input_ids.dims, [2, 8]);
    assert.equal(paddedLength(encoded, 8), 8);
    assert.throws(() => padBatch([], 1), /at least one sentence/);
  });
});

describe("maskBatch", () => {
  const tokenizer = { mask: 999, vocabularySize: 1000, specialIds: new Set([0, 1, 2, 3, 999]) };
  const random = randomStream(3, "sentences");
  const encoded = Array.from({ length: 3000 }, () => sentence(random, 1 + random.integer(20)));
  const pieces = encoded.reduce((sum, { ids }) => sum + ids.length - 2, 0);

  for (const wholeWords of [false, true]) {
    it(`${wholeWords ? "whole words" : "pieces"}: 15 % to predict, of them 80 % masks, 10 % others, 10 % as they were`, () => {
      const { sentences, positions, labels } = maskBatch(encoded, { tokenizer, random: randomStream(4, "mask"), wholeWords });
      const length = paddedLength(encoded);
      const now = positions.map((position) => sentences[Math.floor(position / length)]!.ids[position % length]!);
      const before = positions.map((position) => encoded[Math.floor(position / length)]!.ids[position % length]!);
      assert.deepEqual(labels, before);
      assert.deepEqual(positions, [...new Set(positions)].sort((a, b) => a - b));
      const share = (test: (id: number, i: number) => boolean): number => now.filter(test).length / now.length;
      assert.ok(Math.abs(positions.length / pieces - 0.15) < 0.02, String(positions.length / pieces));
      assert.ok(Math.abs(share((id) => id === 999) - 0.8) < 0.02);
      assert.ok(Math.abs(share((id, i) => id === before[i]) - 0.1) < 0.02);
      assert.ok(now.every((id) => id === 999 || !tokenizer.specialIds.has(id)));
      const chosen = new Set(positions);
      sentences.forEach(({ ids, wordOf }, row) => {
        assert.ok(ids.some((_, column) => chosen.has(row * length + column)), "each sentence has one");
        ids.forEach((id, column) => {
          const isChosen = chosen.has(row * length + column);
          if (!isChosen) assert.equal(id, encoded[row]!.ids[column]);
          if (wordOf[column]! < 0) assert.ok(!isChosen);
          if (wholeWords && column > 0 && wordOf[column] === wordOf[column - 1] && wordOf[column]! >= 0) assert.equal(isChosen, chosen.has(row * length + column - 1));
        });
      });
    });
  }

  it("repeats with the same stream, and fits the padding asked for", () => {
    const few = encoded.slice(0, 5);
    const draw = (): ReturnType<typeof maskBatch> => maskBatch(few, { tokenizer, random: randomStream(5, "same"), multipleOf: 16 });
    assert.deepEqual(draw(), draw());
    const { positions, sentences, labels } = draw();
    const { input_ids } = padBatch(sentences, 1, { multipleOf: 16 });
    const gold = padBatch(few, 1, { multipleOf: 16 }).input_ids;
    assert.deepEqual(positions.map((position) => Number(gold.data[position])), labels);
    assert.ok(positions.some((position) => Number(input_ids.data[position]) === 999));
  });

  it("leaves a sentence without ordinary pieces alone, and refuses a tokenizer without a mask", () => {
    const empty: Encoded = { ids: [0, 2], wordOf: [-1, -1], typeOf: [0, 0], words: 0, truncatedWords: 0 };
    assert.deepEqual(maskBatch([empty], { tokenizer, random }).positions, []);
    assert.throws(() => maskBatch(encoded, { tokenizer: { ...tokenizer, mask: undefined }, random }), /no mask token/);
  });
});
