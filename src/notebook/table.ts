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
  /** Columns that hold a number somewhere: they are aligned to the right. */
  readonly numeric: readonly boolean[];
  readonly cells: readonly (readonly string[])[];
  readonly leftOut: number;
}

function gridOf(table: Table, { columns: chosen, digits = 3, maxRows = 200 }: TableOptions): Grid {
  const [columns, rows] = isRows(table)
    ? [chosen ?? [...new Set(table.flatMap((row) => Object.keys(row)))], table] as const
    : [chosen ?? table.columns, table.values.map((values) => Object.fromEntries(table.columns.map((column, i) => [column, Array.isArray(values) ? values[i] : values])))] as const;
  const numeric = columns.map((column) => rows.some((row: Row) => typeof row[column] === "number"));
  const cells = rows.slice(0, maxRows).map((row: Row) => columns.map((column) => cellText(row[column], digits)));
  return { columns, numeric, cells, leftOut: Math.max(0, rows.length - maxRows) };
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
  const { columns, numeric, cells, leftOut } = gridOf(table, options);
  const align = (i: number): string => `text-align:${numeric[i] ? "right" : "left"};padding:2px 10px`;
  const head = columns.map((column, i) => `<th style="${align(i)}">${escapeHtml(column)}</th>`).join("");
  const body = cells.map((row) => `<tr>${row.map((text, i) => `<td style="${align(i)};font-variant-numeric:tabular-nums">${escapeHtml(text)}</td>`).join("")}</tr>`).join("\n");
  const caption = options.title === undefined ? "" : `<caption style="caption-side:top;text-align:left;font-weight:600;padding:4px 10px">${escapeHtml(options.title)}</caption>`;
  return `<table style="border-collapse:collapse">${caption}\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody></table>${leftOut === 0 ? "" : `\n<p>… and ${leftOut} more rows</p>`}`;
}

/** The table as text with aligned columns. */
export function tableText(table: Table, options: TableOptions = {}): string {
  const { columns, numeric, cells, leftOut } = gridOf(table, options);
  const widths = columns.map((column, i) => Math.max(length(column), ...cells.map((row) => length(row[i]!))));
  const line = (texts: readonly string[]): string => texts.map((text, i) => pad(text, widths[i]!, numeric[i]!)).join("  ").trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [...(options.title === undefined ? [] : [options.title]), line(columns), rule, ...cells.map(line), ...(leftOut === 0 ? [] : [`… and ${leftOut} more rows`])].join("\n");
}

function length(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = " ".repeat(width - length(text));
  return right ? blanks + text : text + blanks;
}
