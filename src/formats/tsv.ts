import { ModlinguaError } from "../base/index.js";
import { type Line, type LineParser, lineRefusal, parseLines, readLines } from "./lines.js";

export interface TsvOptions {
  /** Names of the columns of a file without a header. Default: the first line names them. */
  readonly columns?: readonly string[];
  /** Default tab; "," for CSV. */
  readonly separator?: string;
  /** Whether fields may be quoted as in CSV: `"a ""b"", c"`, line breaks included. Default false, quotes are characters like others. */
  readonly quoted?: boolean;
  /** Columns that must be there; others may be too. */
  readonly required?: readonly string[];
  /** For messages. */
  readonly file?: string;
}

export interface TsvRow {
  /** The line it begins on. */
  readonly line: number;
  /** By column name, in the order of the columns. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Reads rows of named fields. Throws "format" for a row of another width, a missing or repeated column, a quote that never ends. */
export function parseTsv(text: string, options: TsvOptions = {}): TsvRow[] {
  return parseLines(text, new TsvParser(options));
}

/** Reads such a file (also `.gz`) row by row. */
export function readTsv(path: string, options: TsvOptions = {}): AsyncGenerator<TsvRow> {
  return readLines(path, new TsvParser({ file: path, ...options }));
}

class TsvParser implements LineParser<TsvRow> {
  private readonly refuse: (line: number, problem: string, remedy?: string) => never;
  private readonly separator: string;
  private readonly quoted: boolean;
  private readonly required: readonly string[];
  private columns: readonly string[] | undefined;
  private pending = "";
  private pendingLine = 0;

  constructor({ columns, separator = "\t", quoted = false, required = [], file }: TsvOptions) {
    this.refuse = lineRefusal(file);
    this.separator = separator;
    this.quoted = quoted;
    this.required = required;
    if (columns !== undefined) this.setColumns(columns, 1);
  }

  line({ text, number }: Line): TsvRow | undefined {
    if (!this.quoted) return text === "" ? undefined : this.row(text.split(this.separator), number);
    const record = this.pendingLine === 0 ? text : `${this.pending}\n${text}`;
    const begin = this.pendingLine === 0 ? number : this.pendingLine;
    if (hasOpenQuote(record)) {
      [this.pending, this.pendingLine] = [record, begin];
      return undefined;
    }
    [this.pending, this.pendingLine] = ["", 0];
    return record === "" ? undefined : this.row(this.unquoted(record, begin), begin);
  }

  end(): TsvRow | undefined {
    if (this.pendingLine > 0) this.refuse(this.pendingLine, "a quote is opened here and never closed");
    return undefined;
  }

  private row(fields: readonly string[], number: number): TsvRow | undefined {
    if (this.columns === undefined) {
      this.setColumns(fields, number);
      return undefined;
    }
    if (fields.length !== this.columns.length) {
      this.refuse(number, `${fields.length} field${fields.length === 1 ? "" : "s"}, expected ${this.columns.length} (${this.columns.join(", ")})`);
    }
    return { line: number, fields: Object.fromEntries(this.columns.map((column, index) => [column, fields[index]!])) };
  }

  private setColumns(columns: readonly string[], number: number): void {
    const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
    if (repeated !== undefined) this.refuse(number, `two columns are called ${JSON.stringify(repeated)}`);
    const missing = this.required.filter((column) => !columns.includes(column));
    if (missing.length > 0) this.refuse(number, `no column ${missing.map((column) => JSON.stringify(column)).join(", ")}; there are ${columns.join(", ")}`);
    this.columns = columns;
  }

  /** The fields of a record whose quotes are balanced. */
  private unquoted(record: string, number: number): string[] {
    const fields: string[] = [];
    for (let at = 0; at <= record.length;) {
      const end = record[at] === '"' ? closingQuote(record, at) + 1 : nextSeparator(record, at, this.separator);
      if (end < record.length && !record.startsWith(this.separator, end)) this.refuse(number, `text after the closing quote of field ${fields.length + 1}`);
      fields.push(record[at] === '"' ? record.slice(at + 1, end - 1).replaceAll('""', '"') : record.slice(at, end));
      at = end + this.separator.length;
    }
    return fields;
  }
}

function nextSeparator(record: string, from: number, separator: string): number {
  const found = record.indexOf(separator, from);
  return found < 0 ? record.length : found;
}

/** The quote that closes the one at `open`; two in a row stand for one. */
function closingQuote(record: string, open: number): number {
  let at = record.indexOf('"', open + 1);
  while (record[at + 1] === '"') at = record.indexOf('"', at + 2);
  return at;
}

/** Every quote comes with a partner, or the record goes on in the next line. */
function hasOpenQuote(record: string): boolean {
  let count = 0;
  for (let at = record.indexOf('"'); at >= 0; at = record.indexOf('"', at + 1)) count++;
  return count % 2 === 1;
}

/** The text of rows under a header. Throws "format" for a field that the format cannot hold. */
export function formatTsv(rows: Iterable<Readonly<Record<string, string>>>, columns: readonly string[], { separator = "\t", quoted = false }: Pick<TsvOptions, "separator" | "quoted"> = {}): string {
  const written = (field: string, line: number): string => {
    const needsQuotes = field.includes(separator) || /["\n\r]/.test(field);
    if (quoted) return needsQuotes ? `"${field.replaceAll('"', '""')}"` : field;
    if (field.includes(separator) || /[\n\r]/.test(field)) {
      throw new ModlinguaError("format", "a field holds a separator or a line break", { place: `line ${line}`, remedy: "write it quoted, or replace those characters" });
    }
    return field;
  };
  const lines = [columns.map((column) => written(column, 1)).join(separator)];
  for (const row of rows) lines.push(columns.map((column) => written(row[column] ?? "", lines.length + 1)).join(separator));
  return `${lines.join("\n")}\n`;
}
