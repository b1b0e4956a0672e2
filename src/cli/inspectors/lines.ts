import { type ConllSentence, type ConlluSentence, type JsonlRecord, type TsvRow, readConll, readConllu, readJsonl, readTsv } from "../../formats/index.js";
import type { Inspection } from "../inspection.js";
import { pairs, table } from "../table.js";

type Counts = Record<string, number>;

/** CoNLL-U: sentences, words, and the universal tags. */
export async function inspectConllu(path: string): Promise<Inspection> {
  const facts = { sentences: 0, words: 0, multiwords: 0, emptyNodes: 0 };
  const tags: Counts = {};
  await forEach(readConllu(path), ({ words, multiwords, emptyNodes }: ConlluSentence) => {
    facts.sentences++;
    facts.words += words.length;
    facts.multiwords += multiwords.length;
    facts.emptyNodes += emptyNodes.length;
    for (const { upos } of words) tags[upos] = (tags[upos] ?? 0) + 1;
  });
  return counted("CoNLL-U", facts, "tag", tags, { tags });
}

/** CoNLL: one token a line with a tag in the last column. */
export async function inspectConll(path: string): Promise<Inspection> {
  const facts = { sentences: 0, tokens: 0 };
  const tags: Counts = {};
  await forEach(readConll(path), ({ tokens, tags: given }: ConllSentence) => {
    facts.sentences++;
    facts.tokens += tokens.length;
    for (const tag of given) tags[tag] = (tags[tag] ?? 0) + 1;
  });
  return counted("CoNLL", facts, "tag", tags, { tags });
}

/** Rows of named fields, and how many of each are filled. */
export function inspectTable(separator: string): (path: string) => Promise<Inspection> {
  return async (path) => {
    const facts = { rows: 0 };
    const columns: Counts = {};
    await forEach(readTsv(path, { separator, quoted: separator === "," }), ({ fields }: TsvRow) => {
      facts.rows++;
      for (const [name, value] of Object.entries(fields)) columns[name] = (columns[name] ?? 0) + (value === "" ? 0 : 1);
    });
    return counted(separator === "," ? "CSV" : "TSV", facts, "column", columns, { columns });
  };
}

/** One JSON value a line, and how many have each key. */
export async function inspectJsonl(path: string): Promise<Inspection> {
  const facts = { records: 0 };
  const keys: Counts = {};
  await forEach(readJsonl(path), ({ value }: JsonlRecord) => {
    facts.records++;
    for (const key of typeof value === "object" && value !== null ? Object.keys(value) : []) keys[key] = (keys[key] ?? 0) + 1;
  });
  return counted("JSONL", facts, "key", keys, { keys });
}

async function forEach<T>(items: AsyncIterable<T>, use: (item: T) => void): Promise<void> {
  for await (const item of items) use(item);
}

function counted(title: string, facts: Readonly<Counts>, what: string, counts: Readonly<Counts>, details: object): Inspection {
  const sorted = Object.entries(counts).sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  const text = [pairs([["file", title], ...Object.entries(facts).map(([name, count]) => [name, String(count)] as const)]), "", table([what, "count"], sorted)].join("\n");
  return { text, json: { kind: title, ...facts, ...details } };
}
