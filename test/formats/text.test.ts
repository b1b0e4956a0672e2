import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { ModlinguaError, randomStream } from "#src/base/index.js";
import {
  fileLines, formatConll, formatConllu, formatJsonl, formatTsv, parseConll, parseConllu, parseJsonl, parseTsv, readConll, readConllu, readJsonl, readTsv, surfaceText, surfaceTokens, textLines, treeProblem,
} from "#src/formats/index.js";
import { onlyTypedErrors, refusal, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function asyncRefusal(promise: Promise<unknown>): Promise<ModlinguaError> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof ModlinguaError, String(error));
  return error;
}

const word = (id: number | string, form: string, head: number | string = "_", misc = "_"): string => [id, form, "_", "X", "_", "_", head, "dep", "_", misc].join("\t");
const range = (ids: string, form: string, misc = "_"): string => [ids, form, "_", "_", "_", "_", "_", "_", "_", misc].join("\t");

const german = [
  "# sent_id = s1", "# text = Er geht zum Haus.", "# checked", word(1, "Er", 2), word(2, "geht", 0), word("2.1", "ist"), word("2.2", "da"), range("3-4", "zum"), word(3, "zu", 5), word(4, "dem", 5), word(5, "Haus", 2, "Gloss=house|SpaceAfter=No"), word(6, ".", 2), "", "",
].join("\n");

test("CoNLL-U: words, multiword tokens, empty nodes and comments are read, and written back as they were", () => {
  const [sentence, ...rest] = parseConllu(german);
  assert.equal(rest.length, 0);
  assert.equal(sentence!.line, 4);
  assert.deepEqual([...sentence!.metadata], [["sent_id", "s1"], ["text", "Er geht zum Haus."]]);
  assert.deepEqual(sentence!.words.map(({ id, form, head }) => [id, form, head]), [[1, "Er", 2], [2, "geht", 0], [3, "zu", 5], [4, "dem", 5], [5, "Haus", 2], [6, ".", 2]]);
  assert.deepEqual(sentence!.multiwords, [{ first: 3, last: 4, form: "zum", misc: "_" }]);
  assert.deepEqual(sentence!.emptyNodes.map(({ after, index, columns }) => [after, index, columns[0]]), [[2, 1, "ist"], [2, 2, "da"]]);
  assert.equal(surfaceText(sentence!), "Er geht zum Haus.");
  assert.deepEqual(surfaceTokens(sentence!).map(({ form, first, last }) => [form, first, last]), [["Er", 1, 1], ["geht", 2, 2], ["zum", 3, 4], ["Haus", 5, 5], [".", 6, 6]]);
  assert.equal(formatConllu([sentence!]), german);
  assert.equal(treeProblem(sentence!), undefined);
});

test("CoNLL-U: byte order mark, CRLF, a missing last line break, `_` as a form and words with spaces are read", () => {
  const windows = `\ufeff${german.trimEnd().replaceAll("\n", "\r\n")}`;
  assert.equal(formatConllu(parseConllu(windows)), german);
  assert.deepEqual(parseConllu([word(1, "_"), word(2, "20 000")].join("\n"))[0]!.words.map(({ form }) => form), ["_", "20 000"]);
  assert.deepEqual(parseConllu(""), []);
  assert.deepEqual(parseConllu("\n\n"), []);
});

const brokenConllu: readonly [name: string, lines: readonly string[], line: number, expected: RegExp][] = [
  ["nine columns", [word(1, "a"), word(2, "b").slice(0, -2)], 2, /9 columns, expected 10 separated by tabs/],
  ["spaces for tabs", [word(1, "a").replaceAll("\t", " ")], 1, /1 column, expected 10 separated by tabs — replace the spaces/],
  ["an empty column", [word(1, "")], 1, /column FORM is empty/],
  ["an id that is a word", [word("one", "a")], 1, /the id "one", expected a number, a range 3-4 or an empty node 8\.1/],
  ["a skipped id", [word(1, "a"), word(3, "c")], 2, /word 3 after word 1, expected 2/],
  ["a repeated id", [word(1, "a"), word(1, "a")], 2, /word 1 after word 1/],
  ["a head out of range", ["# text = a b", word(1, "a", 0), word(2, "b", 3)], 3, /word 2 has head 3, the sentence has 2 words/],
  ["a self-head", [word(1, "a", 1)], 1, /word 1 is its own head/],
  ["a head that is a word", [word(1, "a", "root")], 1, /the head "root", expected a number or _/],
  ["a range of heads", [word(1, "a", "2-3")], 1, /the head "2-3"/],
  ["a backward range", [range("2-1", "ab")], 1, /goes backwards/],
  ["a range too late", [word(1, "a"), range("1-2", "ab"), word(2, "b")], 2, /the token 1-2 after word 1/],
  ["overlapping ranges", [range("1-2", "ab"), range("1-3", "abc")], 2, /outside other ranges/],
  ["a range past the end", [range("1-3", "abc"), word(1, "a")], 2, /reaches past the last word, 1/],
  ["an empty node in the wrong place", [word(1, "a"), word("5.1", "b")], 2, /the empty node 5\.1 after word 1, expected 1\.1/],
  ["a comment in the middle", [word(1, "a"), "# more", word(2, "b")], 2, /a comment inside a sentence/],
  ["comments only", ["# text = a", "", word(1, "a")], 2, /comments only/],
];

for (const [name, lines, line, expected] of brokenConllu) {
  test(`CoNLL-U with ${name} is refused with its line`, () => {
    const error = refusal(() => parseConllu(lines.join("\n"), "tree.conllu"));
    assert.equal(error.kind, "format");
    assert.equal(error.place, `line ${line}`);
    assert.match(error.message, expected);
    assert.match(error.message, /^tree\.conllu, line/);
  });
}

test("trees are judged before they are scored", () => {
  const tree = (...heads: (number | string)[]) => treeProblem(parseConllu(heads.map((head, index) => word(index + 1, "w", head)).join("\n"))[0]!);
  assert.equal(tree(0, 1, 2), undefined);
  assert.equal(tree(0, 0), "words 1 and 2 are all roots");
  assert.equal(tree(2, 1), "no word is the root");
  assert.match(tree(0, 3, 2)!, /word 2 is in or below a cycle/);
  assert.equal(tree(0, "_"), "word 2 has no head");
});

const messages = "# id = test-001\n# intent = weather\n# text = Is # open?\nIs\tO\n#\tO\nopen\tO\n\n-DOCSTART-\tO\n\n# id = test-002\nAt\tO\nSable\tB-LOC\n\n";

test("CoNLL: comments, document markers and tokens are read, and written back as they were", () => {
  const sentences = parseConll(messages);
  assert.deepEqual(sentences.map(({ line, document, tokens, tags }) => ({ line, document, tokens, tags })),
    [{ line: 4, document: 0, tokens: ["Is", "#", "open"], tags: ["O", "O", "O"] }, { line: 11, document: 1, tokens: ["At", "Sable"], tags: ["O", "B-LOC"] }]);
  assert.deepEqual([...sentences[0]!.metadata], [["id", "test-001"], ["intent", "weather"], ["text", "Is # open?"]]);
  assert.equal(formatConll(sentences), messages);
  assert.equal(formatConll(parseConll(`\ufeff${messages.trimEnd().replaceAll("\n", "\r\n")}`)), messages);
});

test("CoNLL: columns and separators are chosen, and a lone # is a token", () => {
  const four = "U.N. NNP I-NP I-ORG\n# , I-NP O\nheads VBZ I-VP O\n";
  assert.deepEqual(parseConll(four)[0]!.tokens, ["U.N.", "#", "heads"]);
  assert.deepEqual(parseConll(four, { tagColumn: 1 })[0]!.tags, ["NNP", ",", "VBZ"]);
  assert.deepEqual(parseConll("a O\n# O\n")[0]!.tokens, ["a", "#"]);
  assert.deepEqual(parseConll("# O\na O\n")[0]!.tokens, ["#", "a"]);
  assert.deepEqual(parseConll("1\tWhat\tO\t-\t-\n", { tokenColumn: 1, tagColumn: 2 })[0], { line: 1, comments: [], metadata: new Map(), document: 0, tokens: ["What"], tags: ["O"] });
  assert.deepEqual(parseConll("New York\tB-LOC\n")[0]!.tokens, ["New York"]);
});

const brokenConll: readonly [name: string, text: string, line: number, expected: RegExp][] = [
  ["a missing tag", "a\tO\nb\n", 2, /1 column \("b"\), expected 2 separated by tabs/],
  ["one column only", "a\nb\n", 1, /1 column separated by spaces, expected a token and a tag/],
  ["a third column", "a O\nb O x\n", 2, /3 columns .* expected 2 separated by spaces/],
  ["an empty tag", "a\tO\nb\t\n", 2, /the tag of "b" is empty/],
  ["an empty token", "a\tO\n\tO\n", 2, /the token is empty/],
  ["a comment in the middle", "a\tO\n# x = y\nb\tO\n", 2, /a comment inside a sentence/],
  ["a document marker in the middle", "a\tO\n-DOCSTART- O\n", 2, /a document marker inside a sentence/],
  ["comments only", "# id = 3\n\na\tO\n", 2, /comments without a sentence/],
];

for (const [name, text, line, expected] of brokenConll) {
  test(`CoNLL with ${name} is refused with its line`, () => {
    const error = refusal(() => parseConll(text, { file: "ner.txt" }));
    assert.equal(error.place, `line ${line}`);
    assert.match(error.message, expected);
  });
}

test("TSV: headers, given columns, and quotes that are only characters", () => {
  assert.deepEqual(parseTsv('label\ttext\npos\tsay "hi\n\nneg\t\n').map(({ line, fields }) => [line, fields]), [[2, { label: "pos", text: 'say "hi' }], [4, { label: "neg", text: "" }]]);
  assert.deepEqual(parseTsv("a\tb\n", { columns: ["x", "y"] })[0]!.fields, { x: "a", y: "b" });
  const rows = parseTsv('id,text\r\n1,"a ""b"", c"\r\n2,"two\r\nlines"\r\n3,\r\n', { separator: ",", quoted: true });
  assert.deepEqual(rows.map(({ line, fields }) => [line, fields["text"]]), [[2, 'a "b", c'], [3, "two\nlines"], [5, ""]]);
  assert.equal(formatTsv(rows.map(({ fields }) => fields), ["id", "text"], { separator: ",", quoted: true }), 'id,text\n1,"a ""b"", c"\n2,"two\nlines"\n3,\n');
  assert.deepEqual(Object.keys(parseTsv("__proto__\n1\n")[0]!.fields), ["__proto__"]);
});

test("TSV: broken rows are refused with their line", () => {
  const place = (text: string, options = {}): string => refusal(() => parseTsv(text, options)).message;
  assert.match(place("a\tb\n1\n"), /^line 2: 1 field, expected 2 \(a, b\)/);
  assert.match(place("a\ta\n"), /^line 1: two columns are called "a"/);
  assert.match(place("a\tb\n", { required: ["a", "label"] }), /^line 1: no column "label"; there are a, b/);
  assert.match(place('a,b\n1,"2\n', { separator: ",", quoted: true }), /^line 2: a quote is opened here and never closed/);
  assert.match(place('a,b\n"1"x,2\n', { separator: ",", quoted: true }), /^line 2: text after the closing quote of field 1/);
  assert.match(refusal(() => formatTsv([{ a: "x\ty" }], ["a"])).message, /separator or a line break/);
});

test("JSONL: records, a torn last line, numbers that are none", () => {
  assert.deepEqual(parseJsonl('{"a":1}\n\n[2]\n').map(({ line, value }) => [line, value]), [[1, { a: 1 }], [3, [2]]]);
  assert.match(refusal(() => parseJsonl('{"a":1}\n{"a":\n{"a":2}\n', { file: "cells.jsonl" })).message, /^cells\.jsonl, line 2: is not JSON/);
  assert.match(refusal(() => parseJsonl('{"a":1}\n{"a":')).message, /^line 2/);
  const torn: string[] = [];
  assert.equal(parseJsonl('{"a":1}\n{"a":', { onTornLine: ({ text }) => torn.push(text) }).length, 1);
  assert.deepEqual(torn, ['{"a":']);
  refusal(() => parseJsonl('{"a":\n', { onTornLine: () => assert.fail("an ended line is not torn") }));
  assert.equal(formatJsonl([{ a: 1 }, "b"]), '{"a":1}\n"b"\n');
  assert.throws(() => formatJsonl([{ score: [1, NaN] }]), /the number NaN cannot be written as JSON/);
});

test("files are streamed line by line, unpacked by their name, with the same results as texts", async () => {
  const path = join(folder, "s.conllu.gz");
  writeFileSync(path, gzipSync(german.repeat(50)));
  assert.deepEqual(await all(readConllu(path)), parseConllu(german.repeat(50)));
  writeFileSync(join(folder, "m.conll"), messages);
  assert.deepEqual(await all(readConll(join(folder, "m.conll"))), parseConll(messages));
  writeFileSync(join(folder, "t.tsv"), "a\tb\n1\t2");
  assert.deepEqual(await all(readTsv(join(folder, "t.tsv"))), parseTsv("a\tb\n1\t2"));
  writeFileSync(join(folder, "j.jsonl"), '{"a":1}\n{"a"');
  assert.match((await asyncRefusal(all(readJsonl(join(folder, "j.jsonl"))))).message, /j\.jsonl, line 2: is not JSON/);
  const text = "\ufeffeins\r\nzwei 二\n\nvier";
  writeFileSync(join(folder, "l.txt"), text);
  assert.deepEqual(await all(fileLines(join(folder, "l.txt"))), [...textLines(text)]);
  assert.deepEqual([...textLines(text)].map(({ text: line, number, ended }) => [line, number, ended]), [["eins", 1, true], ["zwei 二", 2, true], ["", 3, true], ["vier", 4, false]]);
  const long = "x".repeat(700_000);
  writeFileSync(join(folder, "long.txt"), `${long}é\nb\n`);
  assert.deepEqual((await all(fileLines(join(folder, "long.txt")))).map(({ text: line }) => line.length), [700_001, 1]);
});

test("files that cannot be read as text are refused", async () => {
  const lines = (path: string) => asyncRefusal(all(fileLines(join(folder, path))));
  assert.equal((await lines("none.txt")).kind, "io");
  assert.equal((await lines("none.txt.gz")).kind, "io");
  writeFileSync(join(folder, "latin1.txt"), Uint8Array.of(0x61, 0x0a, 0xe9, 0x0a));
  assert.match((await lines("latin1.txt")).message, /latin1\.txt, line 1 or soon after: is not UTF-8 — convert it to UTF-8/);
  writeFileSync(join(folder, "html.gz"), "<html>not gzip</html>");
  assert.match((await lines("html.gz")).message, /not a whole gzip file/);
  writeFileSync(join(folder, "cut.gz"), gzipSync(randomText(20_000)).subarray(0, 5000));
  assert.match((await lines("cut.gz")).message, /not a whole gzip file/);
  writeFileSync(join(folder, "endsInside.txt"), Uint8Array.of(0x61, 0xc3));
  assert.match((await lines("endsInside.txt")).message, /is not UTF-8/);
});

function randomText(length: number): string {
  const random = randomStream(9, "text");
  return Array.from({ length }, () => String.fromCharCode(32 + random.integer(90))).join("");
}

test("a reader may stop in the middle of a file", async () => {
  const path = join(folder, "many.txt.gz");
  writeFileSync(path, gzipSync("line\n".repeat(300_000)));
  let count = 0;
  for await (const _ of fileLines(path)) if (++count === 3) break;
  assert.equal(count, 3);
});

test("damaged text gives typed errors only", () => {
  const random = randomStream(11, "fuzz");
  for (let round = 0; round < 2000; round++) {
    const characters = [...(round % 2 === 0 ? german : messages)];
    for (let change = 0; change < 3; change++) characters[random.integer(characters.length)] = ["\t", "\n", "#", "-", ".", "1", "", "\0", "\ud800", " "][random.integer(10)]!;
    const text = characters.join("");
    onlyTypedErrors(() => formatConllu(parseConllu(text)));
    onlyTypedErrors(() => formatConll(parseConll(text)));
    onlyTypedErrors(() => parseTsv(text, { quoted: round % 3 === 0 }));
    onlyTypedErrors(() => parseJsonl(text));
  }
});

const treebanks = "../shared/data/ud";
test("treebanks make the round trip and are trees", { skip: existsSync(treebanks) ? false : "no treebanks here" }, () => {
  const files = readdirSync(treebanks, { recursive: true, encoding: "utf8" }).filter((file) => /(tr_imst|ar_pud|mt_mudt).*(dev|test)/.test(file) && file.includes(".conllu"));
  assert.ok(files.length >= 3);
  for (const file of files) {
    const bytes = readFileSync(join(treebanks, file));
    const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
    const sentences = parseConllu(text, file);
    assert.equal(formatConllu(sentences).trimEnd(), text.trimEnd(), file);
    assert.deepEqual(sentences.map(treeProblem).filter((problem) => problem !== undefined), []);
    for (const sentence of sentences) assert.equal(surfaceText(sentence), sentence.metadata.get("text")?.trimEnd(), sentence.metadata.get("sent_id"));
  }
});
