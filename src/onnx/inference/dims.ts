import type { Dim } from "../../base/index.js";

/**
 * Arithmetic on dimensions that may be names. A dimension is read as a polynomial with integer
 * coefficients over names, and written back in one canonical spelling ("2*sequence - 1", "12*batch"),
 * so that equal dimensions are equal strings. What is no polynomial becomes an atom: "max(a,b)", "floor(a/2)".
 * Names stand for sizes, so they are taken to be at least 1.
 */
type Polynomial = ReadonlyMap<string, number>;

const parsed = new Map<string, Polynomial>();

function polynomial(dim: Dim): Polynomial {
  if (typeof dim === "number") return new Map(dim === 0 ? [] : [["", dim]]);
  let known = parsed.get(dim);
  if (known === undefined) parsed.set(dim, (known = parse(dim)));
  return known;
}

function parse(text: string): Polynomial {
  const sum = new Map<string, number>();
  for (const { sign, term } of terms(text)) {
    const factors = splitOutside(term, "*");
    const coefficient = factors.filter(isInteger).reduce<number>((product, factor) => product * Number(factor), sign);
    accumulate(sum, factors.filter((factor) => !isInteger(factor)).sort().join("*"), coefficient);
  }
  return sum;
}

function terms(text: string): { sign: 1 | -1; term: string }[] {
  return splitOutside(text, " + ").flatMap((part) => splitOutside(part, " - ").map((term, index) => ({ sign: index === 0 ? 1 as const : -1 as const, term })));
}

/** Splits at a separator that stands outside parentheses. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (depth === 0 && text.startsWith(separator, at)) {
      parts.push(text.slice(start, at));
      start = at + separator.length;
      at = start - 1;
    }
  }
  return [...parts, text.slice(start)];
}

function isInteger(text: string): boolean {
  return /^-?\d+$/.test(text);
}

function accumulate(sum: Map<string, number>, monomial: string, coefficient: number): void {
  const total = (sum.get(monomial) ?? 0) + coefficient;
  if (total === 0) sum.delete(monomial);
  else sum.set(monomial, total);
}

/** Highest degree first, then by name; the constant last. */
function written(sum: Polynomial): Dim {
  if (sum.size === 0) return 0;
  if (sum.size === 1 && sum.has("")) return sum.get("")!;
  const ordered = [...sum].sort(([a], [b]) => degree(b) - degree(a) || (a < b ? -1 : 1));
  return ordered.map(([monomial, coefficient], index) => {
    const size = index === 0 ? coefficient : Math.abs(coefficient);
    const term = monomial === "" ? `${size}` : size === 1 ? monomial : `${size}*${monomial}`;
    return index === 0 ? term : `${coefficient < 0 ? " - " : " + "}${term}`;
  }).join("");
}

function degree(monomial: string): number {
  return monomial === "" ? 0 : splitOutside(monomial, "*").length;
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const sum = new Map(polynomial(a));
  for (const [monomial, coefficient] of polynomial(b)) accumulate(sum, monomial, coefficient);
  return written(sum);
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(-1, b));
}

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  return written(product(polynomial(a), polynomial(b)));
}

function product(a: Polynomial, b: Polynomial): Polynomial {
  const sum = new Map<string, number>();
  for (const [left, x] of a) for (const [right, y] of b) accumulate(sum, joined(left, right), x * y);
  return sum;
}

function joined(a: string, b: string): string {
  return a === "" ? b : b === "" ? a : [...splitOutside(a, "*"), ...splitOutside(b, "*")].sort().join("*");
}

export function productOfDims(dims: readonly Dim[]): Dim {
  return dims.reduce(multiplyDims, 1);
}

/** `a / b` rounded down; an atom where the quotient is no polynomial. */
export function divideDims(a: Dim, b: Dim): Dim {
  if (b === 1 || a === 0) return a;
  if (typeof a === "number" && typeof b === "number" && b !== 0) return Math.floor(a / b);
  return exactQuotient(a, b) ?? `floor(${a}/${b})`;
}

/** `a / b` where it has no remainder for every size of the names. */
export function exactQuotient(a: Dim, b: Dim): Dim | undefined {
  const dividend = polynomial(a);
  const divisor = [...polynomial(b)];
  const first = divisor[0];
  if (first === undefined) return undefined;
  if (divisor.length === 1) {
    const quotient = [...dividend].map((term) => quotientOfTerms(term, first));
    return quotient.includes(undefined) ? undefined : written(new Map(quotient as [string, number][]));
  }
  for (const term of dividend) {
    const quotient = quotientOfTerms(term, first);
    if (quotient !== undefined && written(product(new Map([quotient]), new Map(divisor))) === a) return written(new Map([quotient]));
  }
  return undefined;
}

function quotientOfTerms([a, x]: readonly [string, number], [b, y]: readonly [string, number]): [string, number] | undefined {
  const left = a === "" ? [] : splitOutside(a, "*");
  for (const factor of b === "" ? [] : splitOutside(b, "*")) {
    const at = left.indexOf(factor);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return x % y === 0 ? [left.join("*"), x / y] : undefined;
}

/** Whether a dimension cannot be negative whatever its names stand for. */
export function isNonNegative(dim: Dim): boolean {
  return [...polynomial(dim).values()].every((coefficient) => coefficient >= 0);
}

/** `a < b`, where it holds or fails for all sizes; undefined where it depends. */
export function isLess(a: Dim, b: Dim): boolean | undefined {
  const difference = subtractDims(b, a);
  if (typeof difference === "number") return difference > 0;
  if (atLeast(difference) > 0) return true;
  return atLeast(subtractDims(a, b)) >= 0 ? false : undefined;
}

/** `a = b`, where it holds or fails for all sizes; undefined where it depends. */
export function isEqual(a: Dim, b: Dim): boolean | undefined {
  if (a === b) return true;
  if (typeof a === "number" && typeof b === "number") return false;
  return isLess(a, b) === true || isLess(b, a) === true ? false : undefined;
}

/** A lower bound: every name is at least 1, and is unbounded above. */
function atLeast(dim: Dim): number {
  if (typeof dim === "number") return dim;
  let bound = 0;
  for (const [monomial, coefficient] of polynomial(dim)) {
    if (monomial !== "" && (coefficient < 0 || /(?:floor|min|max)\(/.test(monomial))) return -Infinity;
    bound += coefficient;
  }
  return bound;
}

export function smallerDim(a: Dim, b: Dim): Dim {
  return extreme("min", a, b);
}

export function largerDim(a: Dim, b: Dim): Dim {
  return extreme("max", a, b);
}

function extreme(which: "min" | "max", a: Dim, b: Dim): Dim {
  if (a === b) return a;
  const smaller = atLeast(subtractDims(b, a)) >= 0 ? a : atLeast(subtractDims(a, b)) >= 0 ? b : undefined;
  if (smaller !== undefined) return (smaller === a) === (which === "min") ? a : b;
  return `${which}(${[a, b].map(String).sort().join(",")})`;
}

/** Two dimensions joined by broadcasting; undefined where they contradict each other. Two different names give "max(a,b)". */
export function broadcastDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === "number") return typeof b === "number" ? undefined : a;
  if (typeof b === "number") return b;
  return `max(${[...new Set([...names(a), ...names(b)])].sort().join(",")})`;
}

/** The members of a "max(…)" made by broadcasting, so that broadcasting again does not nest. */
function names(dim: string): string[] {
  return dim.startsWith("max(") && dim.endsWith(")") && splitOutside(dim, "*").length === 1 ? splitOutside(dim.slice(4, -1), ",") : [dim];
}
