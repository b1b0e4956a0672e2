import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type RandomStream, type Tensor, randomStream } from "#src/base/index.js";
import { stack } from "#src/composition/index.js";
import { createAdapter } from "#src/computation/index.js";
import type { LabelledText, TaggedSentence } from "#src/data/index.js";
import type { Backbone } from "#src/backbone/index.js";
import { createHead } from "#src/heads/index.js";
import { openBackbone } from "#src/hub/index.js";
import { type AdaptedModel, assemble } from "#src/model/index.js";

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** A made-up language of 100 words: "ba", "be", … */
export const words: readonly string[] = Array.from({ length: 100 }, (_, i) => `${"bdfgklmnpr"[Math.floor(i / 10)]}${"aeiou"[i % 5]}${i % 10 < 5 ? "" : "n"}`);

/** A folder with a tiny random encoder, a tokenizer of the made-up language beside it, and room for files; removed after the test. */
export function tinyFolder(t: TestContext, fixture = "bert-opset17"): string {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-tiny-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join("test/fixtures/backbones", fixture), folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizerJson()));
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer", pad_token: "[PAD]", mask_token: "[MASK]", unk_token: "[UNK]", cls_token: "[CLS]", sep_token: "[SEP]", do_lower_case: false, model_max_length: 40 }));
  return folder;
}

export function openTiny(folder: string): Backbone {
  return openBackbone(join(folder, "model.onnx"), join(folder, "config.json"), "tiny");
}

function tokenizerJson(): object {
  const vocab = Object.fromEntries([...specials, ...words].map((piece, id) => [piece, id]));
  const special = (id: string): object => ({ SpecialToken: { id, type_id: 0 } });
  return {
    version: "1.0", truncation: null, padding: null,
    added_tokens: specials.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: null, pre_tokenizer: { type: "Whitespace" }, decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, special("[SEP]")],
      pair: [special("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, special("[SEP]"), { Sequence: { id: "B", type_id: 1 } }, { SpecialToken: { id: "[SEP]", type_id: 1 } }],
      special_tokens: Object.fromEntries(specials.map((id, index) => [id, { id, ids: [index], tokens: [id] }])),
    },
    model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab },
  };
}

/** Numbers of the 3 to 9 words of a random sentence; only ten words are used, so that a tiny random encoder can tell them apart. */
function sentence(random: RandomStream): number[] {
  return Array.from({ length: 3 + random.integer(7) }, () => random.integer(10));
}

export const tags = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"];

/** The tag follows from the word: its vowel. */
export function taggedSentences(count: number, seed: number): TaggedSentence[] {
  const random = randomStream(seed, "sentences");
  return Array.from({ length: count }, (_, i) => {
    const numbers = sentence(random);
    return { id: `s${i + 1}`, words: numbers.map((n) => words[n]!), tags: numbers.map((n) => tags[n % 5]!) };
  });
}

/** The label follows from the first word. */
export function labelledTexts(count: number, seed: number): LabelledText[] {
  const random = randomStream(seed, "texts");
  return Array.from({ length: count }, (_, i) => {
    const numbers = sentence(random);
    return { id: `t${i + 1}`, text: numbers.map((n) => words[n]!).join(" "), label: numbers[0]! < 5 ? "early" : "late" };
  });
}

export function taggingModel(backbone: Backbone, dropout = 0): AdaptedModel<"tagging"> {
  return assemble(backbone, { adapters: [createAdapter("task", { method: "bottleneck", reductionFactor: 2, dropout })], composition: stack(["task"]), head: createHead("tagging", { labels: tags }) });
}

/** All trained numbers as text, for comparisons to the bit. */
export function bytesOf(model: AdaptedModel, ...modules: readonly string[]): string {
  const hex = ({ data }: Tensor): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
  return modules.flatMap((name) => model.module(name).parameters.entries().map(([key, value]) => `${name}/${key} ${hex(value)}`)).join("\n");
}
