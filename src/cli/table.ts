/** Rows as aligned columns with a header; numbers stand right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => (typeof cell === "number" ? grouped(cell) : cell)))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const right = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  return cells.map((row) => row.map((cell, column) => (right[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join("  ").trimEnd()).join("\n");
}

/** 7387776 → "7,387,776"; what is not whole gets four digits. */
export function grouped(number: number): string {
  return Number.isInteger(number) ? String(number).replace(/\B(?=(\d{3})+$)/g, ",") : number.toPrecision(4);
}

/** 0.8312 → "83.1 %" */
export function percent(score: number): string {
  return `${(100 * score).toFixed(1)} %`;
}

/** Lines `key   value`, values aligned. */
export function pairs(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...entries.map(([key]) => key.length));
  return entries.map(([key, value]) => `${key.padEnd(width)}  ${value}`).join("\n");
}
