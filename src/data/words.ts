/** A word of a text and where it lies: offsets in UTF-16 units, `text.slice(start, end)`. */
export interface TextWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/**
 * The words of a text by the rules of Unicode (UAX 29, with dictionaries for Chinese, Japanese, Thai, Khmer, Lao, Burmese).
 * Punctuation marks are words of their own, white space is none.
 */
export function segmentWords(text: string): TextWord[] {
  return [...segmenter.segment(text)]
    .filter(({ segment }) => segment.trim() !== "")
    .map(({ segment, index }) => ({ text: segment, start: index, end: index + segment.length }));
}
