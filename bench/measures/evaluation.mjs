import { alternate, own } from "../lib/alternate.mjs";
import { encoderFolder } from "../lib/encoder.mjs";
import { feedsOf, openMadx, randomBatch } from "../lib/madx.mjs";

/** Language and task adapter stacked, with the tagging head, beside the encoder alone. */
export const measure = {
  name: "zero-shot evaluation ÷ plain forward",
  async run({ cache, small, rows, length, rounds, threads }) {
    const model = await openMadx(encoderFolder(cache, small), { threads });
    try {
      const feeds = feedsOf(randomBatch(small.vocabulary, rows, length));
      return [{ goal: 1.15, ...await alternate(own(() => model.adapted.predict(feeds.logits)), own(() => model.plain.predict(feeds.encoder)), rounds) }];
    } finally {
      await model.close();
    }
  },
};
