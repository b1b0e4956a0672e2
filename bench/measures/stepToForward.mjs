import { alternate, own } from "../lib/alternate.mjs";
import { encoderFolder } from "../lib/encoder.mjs";
import { feedsOf, openMadx, randomBatch, trainingStep } from "../lib/madx.mjs";

/** The same step beside our forward pass of the encoder alone: the floor in floating-point operations is 2.13. */
export const measure = {
  name: "training step ÷ plain forward",
  async run({ cache, small, rows, length, rounds, threads }) {
    const model = await openMadx(encoderFolder(cache, small), { threads });
    try {
      const batch = randomBatch(small.vocabulary, rows, length);
      const { encoder } = feedsOf(batch);
      const step = await trainingStep(model, batch);
      return [{ goal: 2.35, ...await alternate(own(step), own(() => model.plain.predict(encoder)), rounds) }];
    } finally {
      await model.close();
    }
  },
};
