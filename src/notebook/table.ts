import { escapeHtml } from "./kernelDisplay.js";

export type Row = Readonly<Record<string, unknown>>;
/** Rows as objects, or anything shaped like a danfojs data frame. */
export type Table = readonly Row[] | { readonly columns: readonly string[]; readonly values: readonly unknown[] };

export interface TableOptions {
  readonly title?: string;
  /** Columns to show, in this order; default: all, in the order in which the rows name them. */
  readonly columns?: readonly string[];
  /** Decimals of numbers that are not integers; default 3. */
  readonly digits?: number;
  /** Rows to show at most; default 200. How many are left out is said below. */
  readonly maxRows?: number;
}

interface Grid {
  readonly columns: readonly string[];
  readonly cells: readonly (readonly { readonly text: string; readonly numeric: boolean }[])[];
  readonly leftOut: number;
}

function gridOf(table: Table, { columns: chosen, digits = 3, maxRows = 200 }: TableOptions): Grid {
  const [columns, rows] = isRows(table)
    ? [chosen ?? [...new Set(table.flatMap((row) => Object.keys(row)))], table] as const
    : [chosen ?? table.columns, table.values.map((values) => Object.fromEntries(table.columns.map((column, i) => [column, Array.isArray(values) ? values[i] : values])))] as const;
  const cells = rows.slice(0, maxRows).map((row: Row) => columns.map((column) => ({ text: cellText(row[column], digits), numeric: typeof row[column] === "number" })));
  return { columns, cells, leftOut: Math.max(0, rows.length - maxRows) };
}

function isRows(table: Table): table is readonly Row[] {
  return Array.isArray(table);
}

function cellText(value: unknown, digits: number): string {
  if (value === undefined || value === null || (typeof value === "number" && Number.isNaN(value))) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The table as HTML: names and values escaped, numbers to the right, the width its own. */
export function tableHtml(table: Table, options: TableOptions = {}): string {
  const { columns, cells, leftOut } = gridOf(table, options);
  const numeric = columns.map((_, i) => cells.some((row) => row[i]!.numeric));
  const align = (i: number): string => `text-align:${numeric[i] ? "right" : "left"};padding:2px 10px`;
  const head = columns.map((column, i) => `<th style="${align(i)}">${escapeHtml(column)}</th>`).join("");
  const body = cells.map((row) => `<tr>${row.map(({ text }, i) => `<td style="${align(i)};font-variant-numeric:tabular-nums">${escapeHtml(text)}</td>`).join("")}</tr>`).join("\n");
  const caption = options.title === undefined ? "" : `<caption style="caption-side:top;text-align:left;font-weight:600;padding:4px 10px">${escapeHtml(options.title)}</caption>`;
  return `<table style="border-collapse:collapse">${caption}\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody></table>${leftOut === 0 ? "" : `\n<p>… and ${leftOut} more rows</p>`}`;
}

/** The table as text with aligned columns. */
export function tableText(table: Table, options: TableOptions = {}): string {
  const { columns, cells, leftOut } = gridOf(table, options);
  const widths = columns.map((column, i) => Math.max(length(column), ...cells.map((row) => length(row[i]!.text))));
  const line = (texts: readonly { text: string; numeric: boolean }[]): string => texts.map(({ text, numeric }, i) => pad(text, widths[i]!, numeric)).join("  ").trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [...(options.title === undefined ? [] : [options.title]), line(columns.map((text) => ({ text, numeric: false }))), rule, ...cells.map(line), ...(leftOut === 0 ? [] : [`… and ${leftOut} more rows`])].join("\n");
}

function length(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = " ".repeat(width - length(text));
  return right ? blanks + text : text + blanks;
}
