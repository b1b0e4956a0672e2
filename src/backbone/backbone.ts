import type { Graph } from "../onnx/index.js";
import type { EncoderConfig } from "./family.js";
import type { Site } from "./site.js";

/** A pretrained encoder: its canonical graph, which is never changed, and the places where modules may act. */
export interface Backbone {
  readonly name: string;
  /** The folder that holds config, tokenizer and (perhaps in a subfolder) the model. */
  readonly folder: string;
  readonly config: EncoderConfig;
  readonly graph: Graph;
  readonly sites: readonly Site[];
  /** Name of the word embedding matrix, [vocabulary, width]. */
  readonly wordEmbeddings: string;
  /** Sizes of the files with the weights and a hash over samples of them: which weights these are. */
  readonly fingerprint: string;
  /**
   * The mean scale of each pretrained norm, ascending: which pre-training the weights come from. It stays (nearly) the same under
   * quantisation, another export or a cut vocabulary, and no two pre-trainings share it.
   */
  readonly norms: readonly number[];
}
