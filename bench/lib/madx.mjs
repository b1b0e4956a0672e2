// Our side of every measure: MAD-X on an encoder of given sizes. Language adapters halve the width, the task adapter divides it by 16.
import { accumulate, assemble, createAdapter, createHead, defaultTokenBudget, lengthBatches, loadBackbone, optimizerOf, stack } from "modlingua";
import { int64, randomStream } from "#src/base/index.js";
import { initialState } from "#src/training/index.js";

export const labelCount = 9;
const labels = Array.from({ length: labelCount }, (_, index) => `LABEL_${index}`);

/** The modules of a MAD-X model; two language adapters, so that one can be exchanged for the other. */
export function modules() {
  const language = (name, seed) => createAdapter(name, { method: "bottleneck", reductionFactor: 2 }, { seed });
  return {
    languages: [language("first", 1), language("second", 2)],
    task: createAdapter("task", { method: "bottleneck", reductionFactor: 16 }, { seed: 3 }),
    head: createHead("tagging", { labels, pieces: "first" }, { name: "tagger" }),
  };
}

/** A model with the first language adapter under the task adapter and a tagging head, and the same encoder with nothing attached. */
export async function openMadx(folder, session = {}) {
  const backbone = await loadBackbone(folder);
  const { languages, task, head } = modules();
  const adapted = assemble(backbone, { adapters: [...languages, task], composition: stack([languages[0], task]), head, session });
  const plain = assemble(backbone, { session });
  return { backbone, languages, task, head, adapted, plain, close: () => Promise.all([adapted.close(), plain.close()]) };
}

/** Random token ids, no padding, and a random label for every token. */
export function randomBatch(vocabulary, rows, length, seed = 1) {
  const random = randomStream(seed, "bench", "batch");
  const whole = (end) => Math.min(end - 1, Math.floor(random.uniform() * end));
  return {
    inputIds: Array.from({ length: rows }, () => Array.from({ length }, () => 4 + whole(vocabulary - 4))),
    labels: Array.from({ length: rows }, () => Array.from({ length }, () => whole(labelCount))),
  };
}

/** The batch as feeds of the encoder, of the head's logits, and of its loss. */
export function feedsOf({ inputIds, labels: wanted }) {
  const dims = [inputIds.length, inputIds[0].length];
  const size = dims[0] * dims[1];
  const encoder = { input_ids: int64(dims, inputIds.flat()), attention_mask: int64(dims, new Array(size).fill(1)) };
  const logits = { ...encoder, rows: int64([size], Array.from({ length: size }, (_, index) => index)) };
  return { encoder, logits, loss: { ...logits, labels: int64([size], wanted.flat()) } };
}

/**
 * One MAD-X training step as `train` takes it: forward and backward over micro-batches of its default size, their
 * gradients summed, then AdamW on the task adapter and the head. Gives the loss before it.
 */
export async function trainingStep({ adapted, task, head }, batch) {
  const program = await adapted.training([task.name, head.name]);
  const optimizer = optimizerOf("adamW");
  const state = initialState(optimizer, program.parameters);
  const gradients = program.parameters.map(({ tensor }) => new Float32Array(tensor.data.length));
  const parts = microBatches(batch);
  return async () => {
    const loss = await accumulate(program, parts, gradients);
    optimizer.update(program.parameters, gradients, state, 1e-4, { weightDecay: 0.01 });
    program.touch();
    return loss;
  };
}

function microBatches({ inputIds, labels: wanted }) {
  const groups = lengthBatches(inputIds.map(({ length }) => length), { tokenBudget: defaultTokenBudget, maxRows: inputIds.length });
  return groups.map((rows) => {
    const part = { inputIds: rows.map((row) => inputIds[row]), labels: rows.map((row) => wanted[row]) };
    const tokens = rows.length * inputIds[0].length;
    return { feeds: feedsOf(part).loss, count: tokens, tokens };
  });
}
