import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ModlinguaError } from "#src/base/index.js";
import { checkExamples, datasets, findDataset, findFile, findLanguage, isSameLanguage, language, languages, readManifest, readSplit, splitsOf } from "#src/data/index.js";
import type { Dataset, DatasetFile, OpenedPart } from "#src/data/index.js";
import { loadDataset } from "#src/hub/index.js";

const shared = join(process.cwd(), "..", "shared", "data");
const skip = existsSync(join(shared, "index.json")) ? false : "the shared data folder is not there";
const refusal = (pattern: RegExp, kind = "data") => (error: unknown): boolean => {
  assert.ok(error instanceof ModlinguaError, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};

/** Reads a data set from texts made up in the test. */
const madeUp = (name: string, text: string, code: string, split: string): ReturnType<typeof readSplit> =>
  readSplit(name, code, split, { open: async (part): Promise<OpenedPart> => ({ text, file: part.path, sha256: "0" }) });

describe("the registry of data sets", () => {
  it("has a manifest and a reader for each, under its own name, and no manifest without one", () => {
    const names = ["townhall", "universalDependencies", "wikiann", "masakhaner", "masakhaner2", "masakhapos", "sib200", "xnli", "americasnli", "xcopa", "xquad", "tydiqaGoldp", "afrisenti", "nusax", "tatoeba"];
    assert.deepEqual([...datasets.keys()].sort(), names.sort());
    assert.deepEqual(readdirSync("datasets").filter((file) => file.endsWith(".json")).sort(), names.map((name) => `${name}.json`).sort());
  });

  for (const dataset of datasets.values()) {
    it(`${dataset.name}: the manifest is complete`, () => {
      const manifest = readManifest(dataset);
      assert.equal(manifest.name, dataset.name);
      for (const key of ["title", "licence", "citation", "caveat"] as const) assert.ok(manifest[key].length > 3, key);
      assert.ok(Object.keys(dataset.tasks).length > 0);
      for (const file of manifest.files) {
        assert.ok(findLanguage(file.language) !== undefined, file.language);
        for (const part of file.parts) {
          assert.match(part.sha256, /^[0-9a-f]{64}$/);
          if (part.original !== undefined) assert.match(part.original.sha256, /^[0-9a-f]{64}$/);
          if (part.address !== undefined) assert.match(part.address, /^https:\/\/raw\.githubusercontent\.com\/[^/]+\/[^/]+\/[0-9a-f]{40}\//);
        }
      }
      const places = manifest.files.map(({ code, split }) => `${code} ${split}`);
      assert.equal(new Set(places).size, places.length);
    });
  }

  it("finds a set by its name in other spellings, and names the nearest", () => {
    assert.equal(findDataset("MasakhaNER-2").name, "masakhaner2");
    assert.equal(findDataset("universal_dependencies").name, "universalDependencies");
    assert.throws(() => findDataset("wikian"), refusal(/unknown data set "wikian".*did you mean "wikiann"/));
  });

  it("finds a language in any spelling, and says what there is otherwise", () => {
    const sib = readManifest(findDataset("sib200"));
    for (const spelling of ["tr", "tur", "Turkish", "tur_Latn", "TUR_LATN"]) assert.equal(findFile(sib, spelling, "test").code, "tur_Latn");
    for (const spelling of ["sw", "swa", "swh"]) assert.equal(findFile(sib, spelling, "validation").code, "swh_Latn");
    assert.equal(findFile(readManifest(findDataset("universalDependencies")), "zh", "dev").code, "zh_gsdsimp");
    assert.equal(findFile(readManifest(findDataset("tatoeba")), "zh", "test").code, "cmn");
    assert.throws(() => findFile(sib, "tlh", "test"), refusal(/SIB-200 has no files for "tlh"; it has ace_Latn, /));
    assert.throws(() => findFile(sib, "Turkisch", "test"), refusal(/did you mean "Turkish"\?/));
    assert.throws(() => findFile(sib, "wo", "train"), refusal(/has no train split for wo; it has test/));
    assert.deepEqual([...splitsOf("nusax").get("jav")!].sort(), ["dev", "test", "train"]);
  });
});

describe("the table of languages", () => {
  it("has unique codes and knows macrolanguages", () => {
    assert.equal(new Set(languages.map(({ code3 }) => code3)).size, languages.length);
    assert.equal(language("fo").name, "Faroese");
    assert.equal(language("Yoruba").code3, "yor");
    assert.ok(isSameLanguage("ar", "arb") && isSameLanguage("cmn", "zho") && !isSameLanguage("arq", "ara"));
    assert.throws(() => language("Yorubba"), refusal(/unknown language "Yorubba".*did you mean "Yoruba"/));
  });

  it("agrees with the shared facts about XLM-R's pre-training", { skip }, () => {
    const facts = JSON.parse(readFileSync(join(shared, "languages.json"), "utf8")) as { iso639_3: string; family: string; in_xlmr_pretraining: boolean }[];
    for (const { iso639_3, family, in_xlmr_pretraining } of facts) {
      const known = language(iso639_3);
      assert.deepEqual([known.code3, known.family, known.inXlmr], [iso639_3, family, in_xlmr_pretraining]);
    }
  });
});

describe("townhall", () => {
  const languagesOfTest = ["ar", "de", "en", "et", "eu", "fo", "ha", "hi", "hu", "id", "ja", "mt", "sw", "ta", "tr", "vi", "yo", "zh"];
  const count = (items: readonly string[]): Record<string, number> => items.reduce<Record<string, number>>((all, item) => ({ ...all, [item]: (all[item] ?? 0) + 1 }), {});

  it("has the same 64 test messages in all eighteen languages, eight of each intent", async () => {
    assert.deepEqual([...splitsOf("townhall").keys()].sort(), languagesOfTest);
    const english = await loadDataset("townhall", "en", "test", { task: "classification" });
    for (const code of languagesOfTest) {
      const { examples, labels } = await loadDataset("townhall", code, "test", { task: "classification" });
      assert.equal(examples.length, 64);
      assert.deepEqual(examples.map(({ id, label }) => [id, label]), english.examples.map(({ id, label }) => [id, label]), code);
      assert.deepEqual(Object.keys(count(examples.map(({ label }) => label))).sort(), [...labels].sort());
      assert.ok(Object.values(count(examples.map(({ label }) => label))).every((n) => n === 8));
      assert.ok(examples.every(({ text }) => text.length > 0));
    }
  });

  it("tags four types of entities in proper IOB2, as many of each type in every language", async () => {
    for (const code of languagesOfTest) {
      const { examples, labels, source, licence } = await loadDataset("townhall", code, "test", { task: "tagging" });
      assert.deepEqual(labels, ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-TIME", "I-TIME"]);
      assert.ok(source.known && licence === "CC0 1.0");
      for (const { words, tags, id } of examples) {
        assert.equal(words.length, tags.length);
        tags.forEach((tag, i) => tag.startsWith("I-") && assert.ok(tags[i - 1]?.slice(2) === tag.slice(2), `${code} ${id}`));
      }
      assert.equal(examples.flatMap(({ tags }) => tags).filter((tag) => tag.startsWith("B-")).length, 74, code);
    }
  });

  it("trains in three languages, tagging by default, with a limit if wanted", async () => {
    for (const code of ["en", "tr", "zh"]) {
      assert.equal((await loadDataset("townhall", code)).examples.length, 256);
      assert.equal((await loadDataset("townhall", code, "dev", { limit: 10 })).examples.length, 10);
    }
    assert.equal((await loadDataset("townhall", "en")).task, "tagging");
    await assert.rejects(loadDataset("townhall", "yo", "train"), refusal(/townhall has no train split for yo; it has test/));
    await assert.rejects(loadDataset("townhall", "en", "train", { task: "choice" }), refusal(/unknown task of townhall "choice"; known: classification, tagging/));
  });
});

describe("public sets on the shared copies", { skip }, () => {
  const index = skip ? [] : (JSON.parse(readFileSync(join(shared, "index.json"), "utf8")) as { entries: { path: string; rows: number; tokens?: number; licence: string }[] }).entries;
  const byPath = new Map(index.map((entry) => [entry.path.replace(/\.gz$/, ""), entry]));

  for (const dataset of [...datasets.values()].filter(({ embedded }) => embedded !== true)) {
    it(`${dataset.name}: every file parses, with the rows, words and checksum written down`, async () => {
      for (const file of readManifest(dataset).files) await checkFile(dataset, file);
    });
  }

  async function checkFile(dataset: Dataset, file: DatasetFile): Promise<void> {
    const where = `${dataset.name} ${file.code} ${file.split}`;
    const { examples, source, labels, licence } = await loadDataset(dataset.name, file.code, file.split, { env: { MODLINGUA_DATA: shared, MODLINGUA_OFFLINE: "1" } });
    const entry = byPath.get(file.parts[0]!.path)!;
    assert.equal(examples.length, entry.rows, where);
    assert.equal(source.sha256, file.parts[0]!.sha256, where);
    assert.ok(source.known, where);
    assert.equal(licence, entry.licence, where);
    assert.equal(new Set(examples.map(({ id }) => id)).size, examples.length, `${where}: ids are unique`);
    if (entry.tokens !== undefined) assert.equal(examples.flatMap((example) => ("words" in example ? example.words : [])).length, entry.tokens, where);
    if (labels.length === 0 || file.split !== "train") return;
    const seen = new Set(examples.flatMap((example) => ("tags" in example ? example.tags : "label" in example ? [String(example.label)] : [])));
    assert.ok(seen.size > 1, where);
  }

  it("answers of XQuAD and TyDi QA stand where the examples say, also after characters beyond the BMP", async () => {
    for (const name of ["xquad", "tydiqaGoldp"]) {
      const { examples } = await loadDataset(name, "en", name === "xquad" ? "test" : "dev", { task: "spans", folder: shared });
      for (const { text, answers } of examples) for (const answer of answers) assert.equal(text.slice(answer.start, answer.start + answer.text.length), answer.text);
    }
  });
});

describe("reading files of the forms the public sets have", () => {
  it("counts code points in SQuAD's answer_start", async () => {
    const squad = (start: number): string => JSON.stringify({ data: [{ paragraphs: [{ context: "𝔸𝔹 x y", qas: [{ id: "q", question: "?", answers: [{ text: "x", answer_start: start }] }] }] }] });
    const [question] = (await madeUp("xquad", squad(3), "de", "test")).examples;
    assert.ok(question !== undefined && "answers" in question);
    assert.equal(question.answers[0]!.start, 5);
    await assert.rejects(madeUp("xquad", squad(2), "de", "test"), refusal(/the answer "x" does not stand at character 2/, "format"));
    await assert.rejects(madeUp("xquad", "{}", "de", "test"), refusal(/no SQuAD file: the key "data" is missing/, "format"));
    await assert.rejects(madeUp("xquad", "<html>", "de", "test"), refusal(/is not JSON/, "format"));
  });

  it("turns BIOUL into IOB2, and reads XNLI with a header or without", async () => {
    const { examples } = await madeUp("wikiann", "Green O O B-ORG\nThumb O O I-ORG\nClub O O L-ORG\n\nThornby O O U-LOC\n. O O O\n", "mt", "train");
    assert.deepEqual(examples.map((example) => "tags" in example && example.tags), [["B-ORG", "I-ORG", "I-ORG"], ["B-LOC", "O"]]);
    for (const head of ["", "premise\thypothesis\tlabel\n"]) {
      assert.deepEqual((await madeUp("xnli", `${head}a\tb\tneutral\n`, "en", "dev")).examples, [{ id: "en-dev-1", text: "a", pair: "b", label: "neutral" }]);
    }
  });

  it("refuses broken lines with file and line", async () => {
    await assert.rejects(madeUp("masakhaner2", "a O\nb\n", "hau", "test"), refusal(/ner\/masakhaner2\/hau\/test\.txt, line 2: 1 column/, "format"));
    await assert.rejects(madeUp("universalDependencies", "1\ta\t_\n", "tr", "test"), refusal(/tr_imst-ud-test\.conllu, line 1: 3 columns, expected 10/, "format"));
    await assert.rejects(madeUp("xcopa", '{"premise":"a"}\n', "et", "test"), refusal(/line 1: is no COPA question/, "format"));
    await assert.rejects(madeUp("afrisenti", "text\tlabel\n", "hau", "test"), refusal(/no column "tweet"/, "format"));
  });

  it("refuses an empty split, labels it does not know, placeholders, and training on one class", async () => {
    await assert.rejects(madeUp("masakhaner2", "\n", "hau", "test"), refusal(/holds no example/));
    await assert.rejects(madeUp("masakhaner2", "a B-PERS\n", "hau", "test"), refusal(/example hau-test-1: unknown label "B-PERS".*did you mean "B-PER"/));
    await assert.rejects(madeUp("masakhaner2", "a _\nb _\n", "hau", "test"), refusal(/every label is "_", a placeholder/));
    await assert.rejects(madeUp("masakhaner2", "a O\nb O\n", "hau", "train"), refusal(/has the label "O" only/));
    assert.equal((await madeUp("masakhaner2", "a O\nb O\n", "hau", "test")).examples.length, 1);
    assert.throws(() => checkExamples([{ id: "1", text: "a", label: "" }], ["x"], { file: "f", training: false }), refusal(/placeholder/));
  });

  it("says that a file of one's own is not the known one", async () => {
    assert.equal((await madeUp("masakhaner2", "a O\nb B-LOC\n", "hau", "test")).source.known, false);
  });
});
