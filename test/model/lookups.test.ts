import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { float32, int64 } from "#src/base/index.js";
import { type Lookup, RowReader, takeLookups } from "#src/model/lookups.js";
import { openTiny, tinyNames } from "./tiny.js";

const table = { offset: 8, length: 48, dtype: "float32", dims: [4, 3] } as const;

/** A file with eight other bytes before a matrix of four rows, and a lookup in it. */
function withTable(use: (lookup: Lookup) => void, bytes = 56): void {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-lookups-"));
  try {
    const file = join(folder, "weights.bin");
    const numbers = Float32Array.from({ length: 14 }, (_, index) => index - 2);
    writeFileSync(file, new Uint8Array(numbers.buffer, 0, bytes));
    use({ input: "rows", rowNumbers: "ids", table: { file, ...table } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows of the table for the ids, closing the reader in any case. */
function read(lookup: Lookup, dims: readonly number[], ids: readonly number[]): Record<string, unknown> {
  const reader = new RowReader([lookup]);
  try {
    return reader.feeds({ ids: int64(dims, ids) });
  } finally {
    reader.close();
  }
}

test("rows are read in the order and the shape of their numbers, repeated ones too", () => {
  withTable((lookup) => {
    assert.deepEqual(read(lookup, [2, 2], [3, 0, 3, 1]), { rows: float32([2, 2, 3], [9, 10, 11, 0, 1, 2, 9, 10, 11, 3, 4, 5]) });
  });
});

test("a row that is not there, and a file that ends too early, are refused", () => {
  withTable((lookup) => {
    assert.throws(() => read(lookup, [1], [4]), { kind: "data", message: /no row 4 in a matrix of 4 rows/ });
    assert.throws(() => read(lookup, [1], [-1]), { kind: "data", message: /no row -1/ });
  });
  withTable((lookup) => {
    assert.throws(() => read(lookup, [1], [3]), { kind: "io", message: /ends within row 3/ });
  }, 50);
});

for (const name of tinyNames()) {
  test(`the word embeddings of ${name} are looked up in its file, unless something else reads them`, () => {
    const { graph, wordEmbeddings } = openTiny(name);
    const copy = graph.clone();
    const alone = copy.value(wordEmbeddings).uses.size === 1 && !("inline" in copy.value(wordEmbeddings).data!);
    const lookups = takeLookups(copy);
    assert.equal(lookups.filter(({ rowNumbers }) => rowNumbers === "input_ids").length, alone ? 1 : 0);
    for (const { input } of lookups) assert.ok(copy.inputs.some((value) => value.name === input));
  });
}
