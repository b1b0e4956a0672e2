// Our side of every measure: MAD-X on an encoder of given sizes. Language adapters halve the width, the task adapter divides it by 16.
import { ModlinguaError, assemble, createAdapter, createHead, loadBackbone, optimizerOf, stack } from "modlingua";
import { float32, int64, randomStream } from "#src/base/index.js";
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
  const size = rows * length;
  return {
    inputIds: Array.from({ length: rows }, () => Array.from({ length }, () => 4 + whole(vocabulary - 4))),
    labels: Array.from({ length: rows }, () => Array.from({ length }, () => whole(labelCount))),
    size,
  };
}

/** The batch as feeds of the encoder, of the head's logits, and of its loss. */
export function feedsOf({ inputIds, labels: wanted, size }) {
  const dims = [inputIds.length, inputIds[0].length];
  const encoder = { input_ids: int64(dims, inputIds.flat()), attention_mask: int64(dims, new Array(size).fill(1)) };
  const logits = { ...encoder, rows: int64([size], Array.from({ length: size }, (_, index) => index)) };
  return { encoder, logits, loss: { ...logits, labels: int64([size], wanted.flat()), lossScale: float32([], [1 / size]) } };
}

/** One MAD-X training step: forward, backward, AdamW on the task adapter and the head. Gives the loss before it. */
export async function trainingStep({ adapted, task, head }) {
  const program = await adapted.training([task.name, head.name]);
  const optimizer = optimizerOf("adamW");
  const state = initialState(optimizer, program.parameters);
  return async (feeds) => {
    const { loss, gradients } = await program.run(feeds);
    if (!Number.isFinite(loss)) throw new ModlinguaError("training", `the loss is ${loss}`);
    optimizer.update(program.parameters, gradients.map(({ data }) => data), state, 1e-4, { weightDecay: 0.01 });
    program.touch();
    return loss;
  };
}
