import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { ModlinguaError } from "#src/base/index.js";
import { loadTokenizer, streamText } from "#src/data/index.js";
import type { Encoded, StreamOptions, Tokenizer } from "#src/data/index.js";
import { resolveBackboneFolder } from "#src/hub/index.js";

describe("streamText", () => {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-stream-"));
  const [plain, zipped] = [join(folder, "a.txt"), join(folder, "a.txt.gz")];
  const lines = Array.from({ length: 300 }, (_, i) => Array.from({ length: 1 + (i % 7) }, (_, j) => `word${(i * 31 + j * 7) % 50}`).join(" "));
  let tokenizer: Tokenizer;
  before(async () => {
    tokenizer = await loadTokenizer((await resolveBackboneFolder("e5-small")).folder);
    writeFileSync(plain, `\ufeff${lines.join("\r\n")}\n\n`);
    writeFileSync(zipped, gzipSync(lines.join("\n")));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const take = async (file: string, options: Omit<StreamOptions, "tokenizer">, most = Infinity): Promise<{ encoded: Encoded; position: { taken: number } }[]> => {
    const out = [];
    for await (const sequence of streamText(file, { tokenizer, maxLength: 32, ...options })) if (out.push(sequence) >= most) break;
    return out;
  };
  const body = (sequences: readonly { encoded: Encoded }[]): number[] => sequences.flatMap(({ encoded }) => encoded.ids.filter((_, i) => encoded.wordOf[i]! >= 0));

  it("packs all text into full sequences, in order without a shuffle buffer", async () => {
    const sequences = await take(plain, { shuffleBuffer: 0 });
    assert.deepEqual(body(sequences), lines.flatMap((line) => tokenizer.encodeText(line).ids.slice(1, -1)));
    sequences.forEach(({ encoded: { ids, wordOf, words } }, i) => {
      assert.ok(ids.length <= 32 && (i === sequences.length - 1 || ids.length >= 31), String(ids.length));
      assert.deepEqual([ids[0], ids.at(-1), wordOf[0], wordOf.at(-1)], [0, 2, -1, -1]);
      assert.deepEqual([...new Set(wordOf.filter((word) => word >= 0))], Array.from({ length: words }, (_, word) => word));
    });
    assert.deepEqual(body(await take(zipped, { shuffleBuffer: 0 })), body(sequences), "gzipped or not");
  });

  it("shuffles by seed, each sequence once", async () => {
    const [ordered, one, again, two] = [await take(plain, { shuffleBuffer: 0 }), await take(plain, { shuffleBuffer: 10, seed: 1 }), await take(plain, { shuffleBuffer: 10, seed: 1 }), await take(plain, { shuffleBuffer: 10, seed: 2 })];
    const keys = (sequences: readonly { encoded: Encoded }[]): string[] => sequences.map(({ encoded }) => encoded.ids.join());
    assert.deepEqual(keys(one), keys(again));
    assert.notDeepEqual(keys(one), keys(two));
    assert.deepEqual(keys(one).sort(), keys(ordered).sort());
  });

  it("goes on exactly where it stood", async () => {
    const whole = await take(plain, { shuffleBuffer: 8, seed: 3, repeat: true }, 120);
    const { position } = whole[49]!;
    assert.deepEqual(await take(plain, { shuffleBuffer: 8, seed: 3, repeat: true, resume: position }, 70), whole.slice(50));
  });

  it("refuses a file without text, a broken one, and stops when told", async () => {
    const [empty, broken] = [join(folder, "empty.txt"), join(folder, "broken.txt.gz")];
    writeFileSync(empty, "\n \n");
    writeFileSync(broken, gzipSync(lines.join("\n")).subarray(0, 200));
    const refused = (pattern: RegExp) => (error: unknown): boolean => error instanceof ModlinguaError && pattern.test(error.message);
    await assert.rejects(take(empty, { repeat: true }), refused(/empty\.txt: holds no line of text/));
    await assert.rejects(take(broken, {}), refused(/broken\.txt\.gz.*gzip/));
    await assert.rejects(take(join(folder, "absent.txt"), {}), refused(/there is no such file/));
    await assert.rejects(take(plain, { signal: AbortSignal.abort() }), refused(/interrupted/));
    await assert.rejects(take(plain, { maxLength: 2 }), refused(/needs at least 3 pieces/));
  });
});
