import { ModlinguaError } from "../base/index.js";

/** How tags mark spans. IOB2: every span begins with B. IOB1: B only between neighbours of one type. BIOES: also E (end) and S (single). */
export const spanSchemes = { iob1: "IOB", iob2: "IOB", bioes: "IOBES" } as const;
export type SpanScheme = keyof typeof spanSchemes;

/** `strict`: a span that its scheme does not allow is none. `lenient`: as conlleval reads them, a stray inside tag begins a span. */
export type SpanDecoding = "strict" | "lenient";

export interface Span {
  readonly type: string;
  /** First word. */
  readonly start: number;
  /** The word after the last. */
  readonly end: number;
}

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

const outside: Tag = { prefix: "O", type: "" };

/** `B-LOC` → B and LOC. The type may hold hyphens itself; a tag that the scheme does not know is refused. */
export function parseTag(text: string, scheme: SpanScheme): Tag {
  if (text === "O") return outside;
  const prefix = text.slice(0, 1);
  if (text[1] === "-" && text.length > 2 && prefix !== "O" && spanSchemes[scheme].includes(prefix)) return { prefix, type: text.slice(2) };
  throw new ModlinguaError("data", `${JSON.stringify(text)} is not a tag of the scheme ${scheme}: expected O or ${[...spanSchemes[scheme]].filter((p) => p !== "O").map((p) => `${p}-TYPE`).join(", ")}`, {
    remedy: `declare the scheme the labels are written in (${Object.keys(spanSchemes).join(", ")}), or choose a metric of labels such as macroF1`,
  });
}

/** The scheme that a set of labels is written in, as far as it shows: undefined where they are no span tags, `bioes` where ends are marked. */
export function spanSchemeOf(labels: readonly string[]): SpanScheme | undefined {
  if (!labels.includes("O") || !labels.every((label) => /^(O|[BIES]-.+)$/.test(label))) return undefined;
  return labels.some((label) => /^[ES]-/.test(label)) ? "bioes" : "iob2";
}

/** Whether a span ends between two tags: conlleval's rules (Tjong Kim Sang and Buchholz 2000), for all three schemes. */
function endsBetween(previous: Tag, next: Tag): boolean {
  if (previous.prefix === "O") return false;
  return "ES".includes(previous.prefix) || "BSO".includes(next.prefix) || previous.type !== next.type;
}

function beginsBetween(previous: Tag, next: Tag): boolean {
  if (next.prefix === "O") return false;
  return "BS".includes(next.prefix) || "OES".includes(previous.prefix) || previous.type !== next.type;
}

/** The spans of a sentence's tags, as conlleval reads them. */
function segment(tags: readonly Tag[]): Span[] {
  const spans: Span[] = [];
  let start = 0;
  for (let i = 0; i <= tags.length; i++) {
    const previous = tags[i - 1] ?? outside;
    const next = tags[i] ?? outside;
    if (endsBetween(previous, next)) spans.push({ type: previous.type, start, end: i });
    if (beginsBetween(previous, next)) start = i;
  }
  return spans;
}

/** Whether a segment is written as its scheme demands. */
const wellFormed: Readonly<Record<SpanScheme, (tags: readonly Tag[], span: Span) => boolean>> = {
  iob2: (tags, { start }) => tags[start]!.prefix === "B",
  iob1: (tags, { start, type }) => (tags[start]!.prefix === "B") === (tags[start - 1]?.type === type),
  bioes: (tags, { start, end }) => (end - start === 1 ? tags[start]!.prefix === "S" : tags[start]!.prefix === "B" && tags[end - 1]!.prefix === "E"),
};

export interface DecodedSpans {
  readonly spans: readonly Span[];
  /** Spans that a strict reading dropped. */
  readonly malformed: readonly Span[];
}

/** Reads the spans off the tags of one sentence. */
export function decodeSpans(labels: readonly string[], scheme: SpanScheme = "iob2", decoding: SpanDecoding = "strict"): DecodedSpans {
  const tags = labels.map((label) => parseTag(label, scheme));
  const spans = segment(tags);
  if (decoding === "lenient") return { spans, malformed: [] };
  const good = (span: Span): boolean => wellFormed[scheme](tags, span);
  return { spans: spans.filter(good), malformed: spans.filter((span) => !good(span)) };
}
