import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { checkVocabulary, loadTokenizer, segmentWords, splitsOf } from "#src/data/index.js";
import type { Encoded, Tokenizer } from "#src/data/index.js";
import { loadDataset, resolveBackboneFolder } from "#src/hub/index.js";

const shared = join(process.cwd(), "..", "shared");
const refusal = (pattern: RegExp, kind = "data") => (error: unknown): boolean => {
  assert.ok(error instanceof ModlinguaError, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};
const normal = (text: string): string => text.normalize("NFKC").replace(/\s/g, "");
/** The pieces of each word, joined and without the marks of sentencepiece. */
const joined = (tokenizer: Tokenizer, { ids, wordOf, words }: Encoded): string[] => {
  const pieces = tokenizer.pieces(ids);
  return Array.from({ length: words }, (_, word) => pieces.filter((_, i) => wordOf[i] === word).join("").replaceAll("▁", ""));
};
const folder = mkdtempSync(join(tmpdir(), "modlingua-tokenizer-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("the tokenizer of e5-small", () => {
  let tokenizer: Tokenizer;
  before(async () => void (tokenizer = await loadTokenizer((await resolveBackboneFolder("e5-small")).folder)));

  it("knows its special tokens and its size", () => {
    const { vocabularySize, maxLength, cls, pad, sep, unk, mask, specialIds } = tokenizer;
    assert.deepEqual({ vocabularySize, maxLength, cls, pad, sep, unk, mask }, { vocabularySize: 128_000, maxLength: 512, cls: 0, pad: 1, sep: 2, unk: 3, mask: 127_999 });
    assert.deepEqual([...specialIds].sort((a, b) => a - b), [0, 1, 2, 3, 127_999]);
  });

  it("knows its pieces without a character, and they are what words begin with in Chinese", () => {
    const [empty, ...others] = tokenizer.emptyIds;
    assert.deepEqual([tokenizer.pieces([empty!]), others], [["▁"], []]);
    assert.equal(tokenizer.encodeWords(["图书馆"]).ids[1], empty);
  });

  it("gives back the words of townhall in all eighteen languages", async () => {
    for (const code of splitsOf("townhall").keys()) {
      const { examples } = await loadDataset("townhall", code, "test", { task: "tagging" });
      let unknown = 0;
      for (const { words, id } of examples) {
        const encoded = tokenizer.encodeWords(words, { id });
        assert.equal(encoded.truncatedWords, 0);
        assert.deepEqual([encoded.ids[0], encoded.ids.at(-1), encoded.wordOf[0], encoded.wordOf.at(-1)], [0, 2, -1, -1]);
        assert.deepEqual([...new Set(encoded.wordOf.slice(1, -1))], words.map((_, i) => i), `${code} ${id}: every word, in order`);
        joined(tokenizer, encoded).forEach((text, i) => (text.includes("<unk>") ? unknown++ : assert.equal(text, normal(words[i]!), `${code} ${id}`)));
      }
      assert.ok(unknown <= 8, `${code}: ${unknown} words with unknown pieces`);
    }
  });

  it("encodes running text as the tokenizer itself does, and puts its pieces on the right words", async () => {
    for (const code of splitsOf("townhall").keys()) {
      const { examples } = await loadDataset("townhall", code, "test", { task: "classification" });
      for (const { text } of examples) {
        const { wordSpans, ids, wordOf, words } = tokenizer.encodeText(text);
        for (const { text: word, start, end } of wordSpans) assert.equal(text.slice(start, end), word);
        assert.equal(words, wordSpans.length);
        const inner = wordOf.slice(1, -1);
        assert.ok(inner.every((word, i) => word >= (inner[i - 1] ?? 0)), "in order");
        const pieces = tokenizer.pieces(ids);
        pieces.slice(1, -1).forEach((piece, i) => {
          const surface = normal(piece.replaceAll("▁", ""));
          if (surface === "" || piece === "<unk>") return;
          const rest = normal(wordSpans.slice(inner[i]).map((span) => span.text).join(""));
          const within = rest.indexOf(surface);
          assert.ok(within >= 0 && within < normal(wordSpans[inner[i]!]!.text).length, `${text}: ${piece} begins in ${wordSpans[inner[i]!]!.text}`);
        });
      }
    }
  });

  it("handles compatibility forms, accents apart, scripts without spaces, unknown scripts and nothing", () => {
    const words = (text: string): string[] => {
      const { ids, wordOf, wordSpans } = tokenizer.encodeText(text);
      return tokenizer.pieces(ids).map((piece, i) => `${piece}:${wordSpans[wordOf[i]!]?.text ?? ""}`).slice(1, -1);
    };
    assert.deepEqual(words("Hi… ﬁne"), ["▁Hi:Hi", "...:…", "▁fine:ﬁne"]);
    assert.deepEqual(words("你好世界今天"), ["▁:你好", "你好:你好", "世界:世界", "今天:今天"]);
    assert.deepEqual(words("กินข้าวหรือยัง").map((pair) => pair.split(":")[1]), ["กิน", "กิน", "ข้าว", "หรือ", "ยัง"]);
    assert.deepEqual(words("ಕನ್ನಡ ok").at(-1), "▁ok:ok");
    assert.deepEqual(words(""), []);
  });

  it("counts the words that truncation takes", () => {
    const words = ["a", "b", "internationalisation", "c", "d"];
    const whole = tokenizer.encodeWords(words);
    const third = whole.wordOf.filter((word) => word === 2).length;
    assert.ok(third > 1);
    for (const [maxLength, truncatedWords] of [[whole.ids.length, 0], [whole.ids.length - 1, 1], [4 + third, 2], [5, 2], [4, 3], [2, 5]] as const) {
      const encoded = tokenizer.encodeWords(words, { maxLength });
      assert.equal(encoded.ids.length, Math.min(maxLength, whole.ids.length));
      assert.equal(encoded.truncatedWords, truncatedWords, `at ${maxLength}`);
      assert.deepEqual([encoded.ids[0], encoded.ids.at(-1), encoded.words], [0, 2, 5]);
    }
    assert.equal(tokenizer.encodeText("a b c d e", { maxLength: 5 }).truncatedWords, 2);
  });

  it("encodes pairs with separators between, cutting the longer text", () => {
    const whole = tokenizer.encodePair("a b c", "d e");
    assert.equal(tokenizer.decode(whole.ids), "a b c d e");
    assert.deepEqual(whole.wordOf, [-1, 0, 1, 2, -1, -1, 3, 4, -1]);
    const cut = tokenizer.encodePair("a b c d e f", "x y", { maxLength: 9 });
    assert.deepEqual([cut.ids.length, cut.truncatedWords, cut.wordOf.filter((word) => word >= 6).length], [9, 3, 2]);
  });

  it("names a word that yields no token, or leaves it out", () => {
    assert.throws(() => tokenizer.encodeWords(["a", " ", "b"], { id: "s-7" }), refusal(/sentence s-7: word 2 \(" "\) yields no token/));
    assert.throws(() => tokenizer.encodeWords(["a", ""]), refusal(/sentence "a .*": word 2/));
    const encoded = tokenizer.encodeWords(["a", "", "b"], { emptyWords: "skip" });
    assert.deepEqual([encoded.words, encoded.truncatedWords, encoded.wordOf], [3, 0, [-1, 0, 2, -1]]);
  });

  it("refuses ids out of range and embeddings of another size", () => {
    assert.throws(() => tokenizer.pieces([5, 128_000]), refusal(/token id 128000 is out of range: the vocabulary has ids 0 to 127999/));
    checkVocabulary(tokenizer, 128_000);
    checkVocabulary(tokenizer, 128_064);
    assert.throws(() => checkVocabulary(tokenizer, 119_547), refusal(/tokenizer\.json: has 128000 tokens, but the embedding of the model has 119547 rows/));
    assert.throws(() => checkVocabulary(tokenizer, 250_002), refusal(/do not belong together/));
  });

  it("counts what 128 pieces leave of WikiANN Chinese", { skip: existsSync(join(shared, "data")) ? false : "the shared data folder is not there" }, async () => {
    const { examples } = await loadDataset("wikiann", "zh", "dev", { task: "tagging", folder: join(shared, "data") });
    const encoded = examples.map(({ words, id }) => tokenizer.encodeWords(words, { maxLength: 128, id }));
    const lost = encoded.reduce((sum, { truncatedWords }) => sum + truncatedWords, 0);
    const kept = encoded.reduce((sum, { wordOf }) => sum + new Set(wordOf.filter((word) => word >= 0)).size, 0);
    assert.equal(lost + kept, examples.reduce((sum, { words }) => sum + words.length, 0));
    assert.ok(lost > 0, String(lost));
  });
});

describe("tokenizers of other spellings", () => {
  const special = (content: string, id: number): object => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  const framed = (cls: string, sep: string): object => ({
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: cls, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: sep, type_id: 0 } }],
    pair: [{ SpecialToken: { id: cls, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: sep, type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }, { SpecialToken: { id: sep, type_id: 1 } }],
    special_tokens: { [cls]: { id: cls, ids: [0], tokens: [cls] }, [sep]: { id: sep, ids: [1], tokens: [sep] } },
  });
  const write = (name: string, json: object, config: object): Promise<Tokenizer> => {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: name, model_max_length: 64, ...config }));
    return loadTokenizer(folder);
  };
  const vocabulary = (...pieces: string[]): Record<string, number> => Object.fromEntries(pieces.map((piece, id) => [piece, id]));

  it("WordPiece: continuations belong to their word, the second text has type 1", async () => {
    const tokenizer = await write("BertTokenizer", {
      version: "1.0", truncation: null, padding: null,
      added_tokens: ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"].map(special),
      normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
      pre_tokenizer: { type: "BertPreTokenizer" }, post_processor: framed("[CLS]", "[SEP]"), decoder: { type: "WordPiece", prefix: "##", cleanup: true },
      model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab: vocabulary("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "a", "b", "cafe", "##s", "un", "##do", ",") },
    }, { cls_token: "[CLS]", sep_token: "[SEP]", pad_token: "[PAD]", unk_token: "[UNK]", mask_token: "[MASK]", do_lower_case: true });
    const encoded = tokenizer.encodeWords(["Cafés", ",", "undo", "zzz"]);
    assert.deepEqual(tokenizer.pieces(encoded.ids), ["[CLS]", "cafe", "##s", ",", "un", "##do", "[UNK]", "[SEP]"]);
    assert.deepEqual(encoded.wordOf, [-1, 0, 0, 1, 2, 2, 3, -1]);
    const { wordOf, wordSpans } = tokenizer.encodeText("Zzz cafés, undo");
    assert.deepEqual(wordOf.map((word) => wordSpans[word]?.text), [undefined, "Zzz", "cafés", "cafés", ",", "undo", "undo", undefined]);
    const pair = tokenizer.encodePair("a", "b");
    assert.deepEqual([tokenizer.pieces(pair.ids), pair.typeOf], [["[CLS]", "a", "[SEP]", "b", "[SEP]"], [0, 0, 0, 1, 1]]);
    assert.deepEqual([tokenizer.vocabularySize, tokenizer.pad, tokenizer.mask, tokenizer.maxLength], [12, 2, 4, 64]);
  });

  it("byte-level BPE: words after the first carry the space before them, and characters of several bytes stay together", async () => {
    const json = {
      version: "1.0", truncation: null, padding: null,
      added_tokens: ["<s>", "</s>", "<pad>", "<unk>", "<mask>"].map(special), normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }, post_processor: framed("<s>", "</s>"), decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: "", end_of_word_suffix: "", fuse_unk: false, byte_fallback: false,
        vocab: vocabulary("<s>", "</s>", "<pad>", "<unk>", "<mask>", "a", "b", "Ġ", "Ã", "©", "Ġa", "Ġb", "ab", "Ġab", "Ã©"), merges: ["Ġ a", "Ġ b", "a b", "Ġa b"] },
    };
    const config = { cls_token: "<s>", sep_token: "</s>", bos_token: "<s>", eos_token: "</s>", pad_token: "<pad>", unk_token: "<unk>", mask_token: "<mask>" };
    const tokenizer = await write("RobertaTokenizer", json, config);
    const encoded = tokenizer.encodeWords(["ab", "ab", "é", "b"]);
    assert.deepEqual(tokenizer.pieces(encoded.ids), ["<s>", "ab", "Ġab", "Ġ", "Ã", "©", "Ġb", "</s>"]);
    assert.deepEqual(encoded.wordOf, [-1, 0, 1, 2, 2, 2, 3, -1]);
    const text = tokenizer.encodeText("ab ab é b");
    assert.deepEqual(text.ids, encoded.ids, "as the running text");
    assert.deepEqual(text.wordOf, encoded.wordOf);
    const prefixed = await write("RobertaTokenizer", json, { ...config, add_prefix_space: true });
    assert.equal(prefixed.pieces(prefixed.encodeWords(["ab"]).ids)[1], "Ġab");
  });

  it("refuses a folder without a tokenizer, and files that are none", async () => {
    await assert.rejects(loadTokenizer(join(folder, "absent")), refusal(/tokenizer\.json: is not there; the folder holds nothing, it does not exist/));
    writeFileSync(join(folder, "tokenizer.json"), "<html>");
    await assert.rejects(loadTokenizer(folder), refusal(/tokenizer\.json: is not JSON/));
    writeFileSync(join(folder, "tokenizer.json"), '{"model":{"type":"Nonsense","vocab":{}}}');
    await assert.rejects(loadTokenizer(folder), refusal(/is no tokenizer transformers\.js can read/));
  });
});

describe("segmentWords", () => {
  it("keeps offsets in every script, and punctuation as words of its own", () => {
    assert.deepEqual(segmentWords("Hi, 𝔸 b!"), [
      { text: "Hi", start: 0, end: 2 }, { text: ",", start: 2, end: 3 }, { text: "𝔸", start: 4, end: 6 }, { text: "b", start: 7, end: 8 }, { text: "!", start: 8, end: 9 },
    ]);
    assert.deepEqual(segmentWords("你好世界").map(({ text }) => text), ["你好", "世界"]);
    assert.deepEqual(segmentWords(" \n"), []);
  });
});
