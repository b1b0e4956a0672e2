/** What a file is that stands where a model or a weight file was expected, if it is one of the usual mistakes. */
export interface ForeignFile {
  readonly problem: string;
  readonly remedy: string;
}

/** Looks at the first bytes of a file (64 are enough). */
export function foreignFile(head: Uint8Array, expected: string): ForeignFile | undefined {
  if (head.length === 0) return { problem: `is empty, expected ${expected}`, remedy: "get the file again" };
  const text = new TextDecoder("latin1").decode(head.subarray(0, 64));
  if (/^\s*<(!doctype|html|\?xml|head|body)/i.test(text)) {
    return { problem: `is an HTML or XML page, expected ${expected}`, remedy: "the address gave an error or login page; get the file again" };
  }
  if (text.startsWith("version https://git-lfs")) return { problem: `is a Git LFS pointer, expected ${expected}`, remedy: "fetch the file itself with `git lfs pull`" };
  return undefined;
}
