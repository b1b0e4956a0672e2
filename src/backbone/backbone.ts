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
  /** The model file's size and a hash over samples of it: which weights these are. */
  readonly fingerprint: string;
}
