import { type Tokenizer, checkVocabulary, loadTokenizer } from "../data/index.js";
import type { AdaptedModel } from "../model/index.js";

type Backbone = AdaptedModel["backbone"];

const loaded = new Map<string, Promise<Tokenizer>>();

/** The tokenizer that lies beside a backbone, loaded once; refused where its ids do not fit the embedding. */
export function tokenizerOf({ folder, config }: Backbone): Promise<Tokenizer> {
  const known = loaded.get(folder);
  if (known !== undefined) return known;
  const loading = loadTokenizer(folder).then((tokenizer) => {
    checkVocabulary(tokenizer, config.vocabulary);
    return tokenizer;
  });
  loaded.set(folder, loading);
  loading.catch(() => loaded.delete(folder));
  return loading;
}

/** Most pieces a sequence of this model may have. */
export function longestInput({ config }: Backbone, tokenizer: Tokenizer): number {
  return Math.min(config.maxLength, tokenizer.maxLength);
}
