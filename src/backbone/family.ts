import { ModlinguaError, unknownName } from "../base/index.js";
import * as families from "./families/index.js";

/** A family of encoders, as data: what its configuration calls things, and which shape its layers have. */
export interface Family {
  /** Values of `model_type` that belong to the family. */
  readonly modelTypes: readonly string[];
  /** Keys of config.json. */
  readonly keys: { readonly layers: string; readonly hidden: string; readonly heads: string };
  /** Where the norms stand: after the residual sum (BERT) or at the start of a sub-block (ModernBERT). */
  readonly norm: "post" | "pre";
  /** Names of the projections of one layer; every one must be found. */
  readonly linears: readonly string[];
}

const registry = families satisfies Record<string, Family>;
export type FamilyName = keyof typeof registry;

/** What the library needs to know of a config.json. */
export interface EncoderConfig {
  readonly family: FamilyName;
  readonly modelType: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  /** Longest input, special tokens included. */
  readonly maxLength: number;
  readonly padId: number;
}

/** Reads a parsed config.json; `file` is named in refusals. */
export function readConfig(json: unknown, file: string): EncoderConfig {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new ModlinguaError("backbone", "config.json must hold a JSON object", { file });
  const config = json as Readonly<Record<string, unknown>>;
  const modelType = typeof config["model_type"] === "string" ? config["model_type"] : "";
  const family = (Object.keys(registry) as FamilyName[]).find((name) => (registry[name].modelTypes as readonly string[]).includes(modelType));
  if (family === undefined) throw withFile(unknownName("backbone", "model_type", modelType, Object.values(registry).flatMap(({ modelTypes }) => modelTypes)), file);
  const { keys } = registry[family];
  const number = (key: string, fallback?: number): number => {
    const value = config[key] ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw new ModlinguaError("backbone", `needs a whole number, got ${JSON.stringify(value)}`, { file, place: key });
    return value;
  };
  const positions = number("max_position_embeddings", 512);
  return {
    family, modelType, layers: number(keys.layers), hidden: number(keys.hidden), heads: number(keys.heads), vocabulary: number("vocab_size"),
    // RoBERTa's positions start after the padding id, so two rows of the table are never used.
    maxLength: family === "roberta" ? positions - 2 : positions,
    padId: number("pad_token_id", 0),
  };
}

export function familyOf(name: FamilyName): Family {
  return registry[name];
}

function withFile(error: ModlinguaError, file: string): ModlinguaError {
  return new ModlinguaError(error.kind, error.message, { file });
}
