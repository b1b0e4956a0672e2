import { type Line, type LineParser, commentEntries, lineRefusal, parseLines, readLines } from "./lines.js";

export interface ConllOptions {
  /** Default "auto": tab where the first token line has one, spaces otherwise. */
  readonly separator?: "auto" | "tab" | "space";
  /** Column of the token, from 0. Default 0. */
  readonly tokenColumn?: number;
  /** Column of the tag, from 0; negative counts from the end. Default −1, the last. */
  readonly tagColumn?: number;
  /** For messages. */
  readonly file?: string;
}

/** A sentence whose words carry one tag each. */
export interface ConllSentence {
  /** The line of its first token. */
  readonly line: number;
  /** Whole comment lines above it, `#` included. */
  readonly comments: readonly string[];
  /** Their `key = value` pairs. */
  readonly metadata: ReadonlyMap<string, string>;
  /** How many document markers (`-DOCSTART-`) stand above it in the file. */
  readonly document: number;
  readonly tokens: readonly string[];
  /** As many as tokens. */
  readonly tags: readonly string[];
}

/**
 * Reads sentences of one token a line. A line that begins with `# ` is a comment where it says `key = value` or cannot be a token
 * (other number of columns). Throws "format" with the line number and what was expected there.
 */
export function parseConll(text: string, options: ConllOptions = {}): ConllSentence[] {
  return parseLines(text, new ConllParser(options));
}

/** Reads such a file (also `.gz`) sentence by sentence. */
export function readConll(path: string, options: ConllOptions = {}): AsyncGenerator<ConllSentence> {
  return readLines(path, new ConllParser({ file: path, ...options }));
}

class ConllParser implements LineParser<ConllSentence> {
  private readonly refuse: (line: number, problem: string, remedy?: string) => never;
  private readonly tokenColumn: number;
  private readonly tagColumn: number;
  private separator: "tab" | "space" | undefined;
  private columns: number | undefined;
  private document = 0;
  private last = 0;
  private firstLine = 0;
  private comments: string[] = [];
  private tokens: string[] = [];
  private tags: string[] = [];

  constructor({ separator = "auto", tokenColumn = 0, tagColumn = -1, file }: ConllOptions) {
    this.refuse = lineRefusal(file);
    this.separator = separator === "auto" ? undefined : separator;
    this.tokenColumn = tokenColumn;
    this.tagColumn = tagColumn;
  }

  line({ text, number }: Line): ConllSentence | undefined {
    this.last = number;
    if (text.trim() === "") return this.end();
    if (text.startsWith("-DOCSTART-")) this.documentMarker(number);
    else if (this.isComment(text)) this.comment(text, number);
    else this.token(text, number);
    return undefined;
  }

  end(): ConllSentence | undefined {
    const { firstLine: line, comments, tokens, tags, document } = this;
    [this.firstLine, this.comments, this.tokens, this.tags] = [0, [], [], []];
    if (tokens.length > 0) return { line, comments, metadata: commentEntries(comments), document, tokens, tags };
    if (comments.length > 0) this.refuse(this.last, "comments without a sentence, expected tokens below them");
    return undefined;
  }

  private documentMarker(number: number): void {
    if (this.tokens.length > 0) this.refuse(number, "a document marker inside a sentence, expected an empty line before it");
    this.document++;
  }

  private isComment(text: string): boolean {
    if (!text.startsWith("# ") || text.includes("\t")) return false;
    return this.separator === "tab" || text.includes(" = ") || text.trim().split(/\s+/).length !== (this.columns ?? 2);
  }

  private comment(text: string, number: number): void {
    if (this.tokens.length > 0) this.refuse(number, "a comment inside a sentence, expected an empty line before it");
    this.comments.push(text);
  }

  private token(text: string, number: number): void {
    this.separator ??= text.includes("\t") ? "tab" : "space";
    const fields = this.separator === "tab" ? text.split("\t") : text.trim().split(/ +/);
    this.columns ??= fields.length;
    const separators = this.separator === "tab" ? "tabs" : "spaces";
    if (fields.length !== this.columns) this.refuse(number, `${fields.length} column${fields.length === 1 ? "" : "s"} (${JSON.stringify(text.slice(0, 60))}), expected ${this.columns} separated by ${separators}`);
    const token = fields[this.tokenColumn];
    const tag = fields.at(this.tagColumn);
    if (token === undefined || tag === undefined || this.columns < 2) {
      return this.refuse(number, `${fields.length} column${fields.length === 1 ? "" : "s"} separated by ${separators}, expected a token and a tag`);
    }
    if (token === "") this.refuse(number, "the token is empty");
    if (tag.trim() === "") this.refuse(number, `the tag of ${JSON.stringify(token)} is empty`);
    this.firstLine ||= number;
    this.tokens.push(token);
    this.tags.push(tag.trim());
  }
}

/** The text of tagged sentences, token TAB tag; what `parseConll` reads back is equal to them. */
export function formatConll(sentences: Iterable<ConllSentence>): string {
  let document = 0;
  let text = "";
  for (const sentence of sentences) {
    for (; document < sentence.document; document++) text += "-DOCSTART-\tO\n\n";
    text += [...sentence.comments, ...sentence.tokens.map((token, index) => `${token}\t${sentence.tags[index]}`)].join("\n") + "\n\n";
  }
  return text;
}
