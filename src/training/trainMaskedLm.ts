import { statSync } from "node:fs";
import { ModlinguaError } from "../base/index.js";
import { type HeldOutTextOptions, type MaskedTextOptions, textFilesOf, heldOutText, piecesOf, longestInput, scoreMaskedText, tokenizerOf } from "../evaluation/index.js";
import type { AdaptedModel } from "../model/index.js";
import { type LoopOptions, runTraining } from "./loop.js";
import type { TrainingReport } from "./report.js";
import { textSource } from "./textSource.js";

export interface MaskedLmTrainingOptions extends LoopOptions, MaskedTextOptions {
  /** Names of the modules that move; the head's is among them only where it is named (a language adapter is trained under a frozen head). */
  readonly train: readonly string[];
  /** Optimizer steps. */
  readonly steps: number;
  /** Sequences a step, 16 by default. */
  readonly batchSize?: number;
  /** Most pieces at once, 1024 by default; a step is split into such micro-batches. */
  readonly tokenBudget?: number;
  /** Sequences of each file held in memory to be drawn from. */
  readonly shuffleBuffer?: number;
  /** Text for the perplexity and accuracy every `evaluateEvery` steps; the parameters of the lowest perplexity are kept. */
  readonly heldOut?: Omit<HeldOutTextOptions, "maxLength" | "maskRate" | "wholeWords">;
}

/**
 * Trains modules by masked language modelling (Devlin et al. 2019) on text files, which may be larger than memory. The model
 * needs a masked-LM head. With `invertible` adapters this is the first stage of MAD-X (Pfeiffer et al. 2020, section 3.2).
 * @example await trainMaskedLanguageModel(model, { train: ["sw"], text: "sw.txt", steps: 2000 })
 */
export async function trainMaskedLanguageModel(model: AdaptedModel, options: MaskedLmTrainingOptions): Promise<TrainingReport> {
  const { train, text, heldOut, batchSize = 16, tokenBudget = 1024, maxLength = 128, seed = 0, maskRate = 0.15, wholeWords = false, shuffleBuffer, ...loop } = options;
  requireMaskedLmHead(model);
  const tokenizer = await tokenizerOf(model.backbone);
  const masking = { maxLength: Math.min(maxLength, longestInput(model.backbone, tokenizer)), maskRate, wholeWords };
  const held = heldOut === undefined ? undefined : await heldOutText(model, { ...heldOut, ...masking }, options.signal);
  const program = await model.training(train);
  const candidates = takesCandidates(model) ? await piecesOf(textFilesOf(text), tokenizer, options.signal) : undefined;
  const source = textSource({ text, tokenizer, seed, batchSize, tokenBudget, ...masking, ...(shuffleBuffer === undefined ? {} : { shuffleBuffer }), ...(candidates === undefined ? {} : { candidates }) });
  return runTraining({
    ...loop, task: `train ${train.join(", ")}`, program, source, seed, goal: "lowest",
    config: { seed, batchSize, tokenBudget, ...masking, shuffleBuffer, text: textFilesOf(text).map(describeFile), heldOut, base: model.backbone.fingerprint, composition: model.composition },
    ...(held === undefined ? {} : {
      evaluate: async (signal) => {
        const { perplexity, accuracy } = await scoreMaskedText(model, held, { signal });
        return { score: perplexity, numbers: { accuracy } };
      },
    }),
  });
}

function requireMaskedLmHead({ head }: AdaptedModel): void {
  if (head?.task === "maskedLm") return;
  throw new ModlinguaError("training", `masked language modelling needs a maskedLm head, the model has ${head === undefined ? "none" : `the ${head.task} head ${JSON.stringify(head.name)}`}`, {
    remedy: 'assemble it with createHead("maskedLm", {}) or model.withHead(…)',
  });
}

/** Whether the head's softmax runs over the pieces that occur in the text only. */
function takesCandidates({ head }: AdaptedModel): boolean {
  return (head?.config as { readonly candidates?: boolean } | undefined)?.candidates === true;
}

/** Name and size of a file: enough to notice that another is read. */
function describeFile(file: string): { readonly file: string; readonly bytes: number } {
  const facts = statSync(file, { throwIfNoEntry: false });
  if (facts === undefined) throw new ModlinguaError("io", "there is no such file", { file, remedy: "check the path of the text to train on" });
  return { file, bytes: facts.size };
}
