import { type Line, type LineParser, commentEntries, lineRefusal, parseLines, readLines } from "./lines.js";

/** One syntactic word: the ten columns of CoNLL-U, as they stand in the file but for `id` and `head`. */
export interface ConlluWord {
  /** From 1. */
  readonly id: number;
  readonly form: string;
  readonly lemma: string;
  readonly upos: string;
  readonly xpos: string;
  /** `Case=Nom|Number=Sing` or `_`. */
  readonly feats: string;
  /** The id of the head, 0 for the root; undefined where the file has `_`. */
  readonly head: number | undefined;
  readonly deprel: string;
  readonly deps: string;
  readonly misc: string;
}

/** A surface token over the words `first` to `last`, e.g. `3-4 zum`. */
export interface ConlluMultiword {
  readonly first: number;
  readonly last: number;
  readonly form: string;
  readonly misc: string;
}

/** A node of the enhanced graph without a surface form, `8.1`: `index` 1 after word 8. */
export interface ConlluEmptyNode {
  readonly after: number;
  readonly index: number;
  /** Columns 2 to 10. */
  readonly columns: readonly string[];
}

export interface ConlluSentence {
  /** The line of its first word. */
  readonly line: number;
  /** Whole comment lines, `#` included. */
  readonly comments: readonly string[];
  /** Their `key = value` pairs: `sent_id`, `text`, … */
  readonly metadata: ReadonlyMap<string, string>;
  readonly words: readonly ConlluWord[];
  readonly multiwords: readonly ConlluMultiword[];
  readonly emptyNodes: readonly ConlluEmptyNode[];
}

const columnNames = ["ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"];

/** Reads CoNLL-U from a text; `file` is for messages. Throws "format" with the line number and what was expected there. */
export function parseConllu(text: string, file?: string): ConlluSentence[] {
  return parseLines(text, new ConlluParser(file));
}

/** Reads a CoNLL-U file (also `.gz`) sentence by sentence. */
export function readConllu(path: string): AsyncGenerator<ConlluSentence> {
  return readLines(path, new ConlluParser(path));
}

class ConlluParser implements LineParser<ConlluSentence> {
  private readonly refuse: (line: number, problem: string, remedy?: string) => never;
  private sentence = new SentenceDraft();
  private last = 0;

  constructor(file: string | undefined) {
    this.refuse = lineRefusal(file);
  }

  line({ text, number }: Line): ConlluSentence | undefined {
    this.last = number;
    if (text.trim() === "") return this.end();
    if (text.startsWith("#")) this.comment(text, number);
    else this.token(text, number);
    return undefined;
  }

  end(): ConlluSentence | undefined {
    const { sentence } = this;
    if (sentence.isEmpty) return undefined;
    this.sentence = new SentenceDraft();
    const { words, multiwords } = sentence;
    if (words.length === 0) this.refuse(this.last, "a sentence of comments only, expected words below them");
    const overhang = multiwords.at(-1);
    if (overhang !== undefined && overhang.last > words.length) this.refuse(this.last, `the token ${overhang.first}-${overhang.last} reaches past the last word, ${words.length}`);
    for (const { id, head, line } of sentence.heads) {
      if (head > words.length) this.refuse(line, `word ${id} has head ${head}, the sentence has ${words.length} words`);
    }
    return sentence.finish();
  }

  private comment(text: string, number: number): void {
    if (this.sentence.words.length > 0 || this.sentence.multiwords.length > 0) this.refuse(number, "a comment inside a sentence, expected comments before its first word", "put an empty line between sentences");
    this.sentence.comments.push(text);
  }

  private token(text: string, number: number): void {
    const columns = text.split("\t");
    if (columns.length !== 10) {
      this.refuse(number, `${columns.length} column${columns.length === 1 ? "" : "s"}, expected 10 separated by tabs`, columns.length === 1 && / {2}|^\d+ /.test(text) ? "replace the spaces between columns by tabs" : undefined);
    }
    const blank = columns.findIndex((column) => column === "");
    if (blank >= 0) this.refuse(number, `column ${columnNames[blank]} is empty, expected a value or _`);
    const [, first, separator, second] = /^(\d+)(?:([-.])(\d+))?$/.exec(columns[0]!) ?? this.refuse(number, `the id ${JSON.stringify(columns[0])}, expected a number, a range 3-4 or an empty node 8.1`);
    if (separator === "-") this.multiword(Number(first), Number(second), columns, number);
    else if (separator === ".") this.emptyNode(Number(first), Number(second), columns, number);
    else this.word(Number(first), columns, number);
  }

  private word(id: number, columns: readonly string[], number: number): void {
    const { sentence } = this;
    if (id !== sentence.words.length + 1) this.refuse(number, `word ${id} after word ${sentence.words.length}, expected ${sentence.words.length + 1}`);
    sentence.line ||= number;
    const [, form, lemma, upos, xpos, feats, headText, deprel, deps, misc] = columns as [string, string, string, string, string, string, string, string, string, string];
    const head = headText === "_" ? undefined : /^\d+$/.test(headText) ? Number(headText) : this.refuse(number, `the head ${JSON.stringify(headText)}, expected a number or _`);
    if (head === id) this.refuse(number, `word ${id} is its own head`);
    if (head !== undefined) sentence.heads.push({ id, head, line: number });
    sentence.words.push({ id, form, lemma, upos, xpos, feats, head, deprel, deps, misc });
  }

  private multiword(first: number, last: number, columns: readonly string[], number: number): void {
    const { words, multiwords } = this.sentence;
    if (last < first) this.refuse(number, `the range ${first}-${last} goes backwards`);
    if (first !== words.length + 1 || (multiwords.at(-1)?.last ?? 0) >= first) this.refuse(number, `the token ${first}-${last} after word ${words.length}, expected right before its first word and outside other ranges`);
    multiwords.push({ first, last, form: columns[1]!, misc: columns[9]! });
  }

  private emptyNode(after: number, index: number, columns: readonly string[], number: number): void {
    const { words, emptyNodes } = this.sentence;
    const before = emptyNodes.at(-1);
    const expected = before !== undefined && before.after === words.length ? before.index + 1 : 1;
    if (after !== words.length || index !== expected) this.refuse(number, `the empty node ${after}.${index} after word ${words.length}, expected ${words.length}.${expected}`);
    emptyNodes.push({ after, index, columns: columns.slice(1) });
  }
}

class SentenceDraft {
  line = 0;
  readonly comments: string[] = [];
  readonly words: ConlluWord[] = [];
  readonly multiwords: ConlluMultiword[] = [];
  readonly emptyNodes: ConlluEmptyNode[] = [];
  readonly heads: { readonly id: number; readonly head: number; readonly line: number }[] = [];

  get isEmpty(): boolean {
    return this.comments.length + this.words.length + this.multiwords.length + this.emptyNodes.length === 0;
  }

  finish(): ConlluSentence {
    const { line, comments, words, multiwords, emptyNodes } = this;
    return { line, comments, metadata: commentEntries(comments), words, multiwords, emptyNodes };
  }
}

/** The text of CoNLL-U sentences; what `parseConllu` reads back is equal to them. */
export function formatConllu(sentences: Iterable<ConlluSentence>): string {
  return Array.from(sentences, formatSentence).join("");
}

function formatSentence({ comments, words, multiwords, emptyNodes }: ConlluSentence): string {
  const lines = [...comments];
  const addEmptyNodes = (id: number): void => {
    for (const { after, index, columns } of emptyNodes) if (after === id) lines.push([`${after}.${index}`, ...columns].join("\t"));
  };
  addEmptyNodes(0);
  for (const { id, form, lemma, upos, xpos, feats, head, deprel, deps, misc } of words) {
    const range = multiwords.find(({ first }) => first === id);
    if (range !== undefined) lines.push([`${range.first}-${range.last}`, range.form, "_", "_", "_", "_", "_", "_", "_", range.misc].join("\t"));
    lines.push([id, form, lemma, upos, xpos, feats, head ?? "_", deprel, deps, misc].join("\t"));
    addEmptyNodes(id);
  }
  return `${lines.join("\n")}\n\n`;
}

/** A stretch of the surface text: a multiword token, or a word outside of one. */
export interface SurfaceToken {
  readonly form: string;
  /** Whether a space follows (`SpaceAfter=No` absent). */
  readonly spaceAfter: boolean;
  /** Ids of its first and last word. */
  readonly first: number;
  readonly last: number;
}

/** What is written, in order: multiword tokens in place of their words. */
export function surfaceTokens({ words, multiwords }: ConlluSentence): SurfaceToken[] {
  const tokens: SurfaceToken[] = [];
  for (let id = 1; id <= words.length; id++) {
    const range = multiwords.find(({ first }) => first === id);
    const { form, misc } = range ?? words[id - 1]!;
    const last = range?.last ?? id;
    tokens.push({ form, spaceAfter: !misc.split("|").includes("SpaceAfter=No"), first: id, last });
    id = last;
  }
  return tokens;
}

/** The running text that the surface tokens spell. */
export function surfaceText(sentence: ConlluSentence): string {
  return surfaceTokens(sentence).map(({ form, spaceAfter }) => (spaceAfter ? `${form} ` : form)).join("").trimEnd();
}

/** What keeps the heads from being a tree with one root, or undefined: to be asked before attachment is scored. */
export function treeProblem({ words }: ConlluSentence): string | undefined {
  const headless = words.find(({ head }) => head === undefined);
  if (headless !== undefined) return `word ${headless.id} has no head`;
  const roots = words.filter(({ head }) => head === 0);
  if (roots.length !== 1) return roots.length === 0 ? "no word is the root" : `words ${roots.map(({ id }) => id).join(" and ")} are all roots`;
  for (const { id } of words) {
    let at = id;
    for (let steps = 0; at !== 0; steps++) {
      if (steps > words.length) return `word ${id} is in or below a cycle`;
      at = words[at - 1]!.head!;
    }
  }
  return undefined;
}
