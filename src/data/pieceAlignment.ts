/** How a tokenizer spells its pieces: sentencepiece (`▁word`), WordPiece (`word ##piece`), byte-level BPE (`Ġword`, one character a byte). */
export type PieceSpelling = "metaspace" | "wordpiece" | "bytes";

/** How far ahead of the place reached a piece is looked for: beyond it, a match is more likely chance than text the tokenizer dropped. */
const lookahead = 40;

/**
 * The index of the word in which each piece begins. Pieces and words are brought to one spelling without white space, and the pieces
 * are found in it one after the other. What can not be found belongs to the word where the next piece would begin (an unknown token, given as "", or an
 * empty `▁`), a mark that goes on the piece before to its word.
 */
export function alignPieces(pieces: readonly string[], words: readonly string[], spelling: PieceSpelling): number[] {
  const { text, wordAt } = spell(words, spelling);
  let at = 0;
  return pieces.map((piece) => {
    const surface = surfaceOf(piece, spelling);
    const found = surface === "" ? -1 : text.indexOf(surface, at);
    const isFound = found >= 0 && found - at <= lookahead;
    const start = isFound ? found : surface === "" && continues(piece, spelling) ? Math.max(0, at - 1) : at;
    if (isFound) at = found + surface.length;
    return wordAt[Math.min(start, wordAt.length - 1)] ?? -1;
  });
}

function continues(piece: string, spelling: PieceSpelling): boolean {
  return spelling === "wordpiece" ? piece.startsWith("##") : piece !== "" && !/^[▁Ġ]/.test(piece);
}

/** The words run together in one spelling, and for each of its characters the word it came from. */
function spell(words: readonly string[], spelling: PieceSpelling): { text: string; wordAt: number[] } {
  const wordAt: number[] = [];
  const text = words.map((word, index) => {
    const spelled = spelling === "bytes" ? bytesAsText(word) : folded(word, spelling);
    for (let i = 0; i < spelled.length; i++) wordAt.push(index);
    return spelled;
  }).join("");
  return { text, wordAt };
}

/** The characters of a piece in that spelling. */
/** Whether a piece is the mark of a space and no character: sentencepiece's lone `▁`, byte-level BPE's lone `Ġ`. */
export function isEmptyPiece(piece: string, spelling: PieceSpelling): boolean {
  if (spelling === "wordpiece") return false;
  return piece !== "" && [...piece].every((character) => character === (spelling === "metaspace" ? "▁" : "Ġ"));
}

function surfaceOf(piece: string, spelling: PieceSpelling): string {
  if (spelling === "bytes") return [...piece].map((character) => byteOfCharacter.get(character) ?? "").join("").replace(/\s/g, "");
  return folded(spelling === "metaspace" ? piece.replaceAll("▁", "") : piece.replace(/^##/, ""), spelling);
}

/** Without case and compatibility forms, and for WordPiece without accents (uncased BERT drops them), so that what a normaliser changes does not matter. */
function folded(text: string, spelling: PieceSpelling): string {
  return text.normalize("NFKD").replace(spelling === "wordpiece" ? /[\u0300-\u036f\s]/g : /\s/g, "").toLowerCase();
}

function bytesAsText(text: string): string {
  return Buffer.from(text.normalize("NFC"), "utf8").toString("latin1").replace(/\s/g, "");
}

/** The alphabet of byte-level BPE (Radford et al. 2019): printable bytes are themselves, the others follow from U+0100 on. */
const byteOfCharacter: ReadonlyMap<string, string> = new Map(byteAlphabet());

function* byteAlphabet(): Generator<readonly [string, string]> {
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    yield [String.fromCharCode(printable ? byte : next++), String.fromCharCode(byte)];
  }
}
