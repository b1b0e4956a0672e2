import { stack } from "modlingua";
import { encoderFolder } from "../lib/encoder.mjs";
import { feedsOf, openMadx, randomBatch } from "../lib/madx.mjs";
import { float32 } from "#src/base/index.js";
import { median, quartiles } from "../lib/statistics.mjs";

/** Another language adapter on a live session. The text is short, so that the forward pass does not drown what is measured. */
export const measure = {
  name: "switching the language adapter",
  async run({ cache, small, rounds, threads }) {
    const model = await openMadx(encoderFolder(cache, small), { threads });
    try {
      return [await switching(model, feedsOf(randomBatch(small.vocabulary, 1, 8)).logits, 8 * rounds)];
    } finally {
      await model.close();
    }
  },
};

async function switching({ adapted, languages, task }, feeds, n) {
  const to = (language) => adapted.with(stack([language, task]));
  const [first, second] = languages;
  await to(first).predict(feeds);
  for (const [name, { dims, data }] of first.parameters.entries()) second.parameters.set(name, float32(dims, data.map((value) => -value)));
  const firstUse = await time(() => to(second).predict(feeds));
  const open = sessions(adapted);
  const [differences, composing] = [[], []];
  for (let round = 0; round < n; round++) {
    const [here, there] = round % 2 === 0 ? [first, second] : [second, first];
    const current = to(here);
    await current.predict(feeds);
    const same = await time(() => current.predict(feeds));
    const begin = performance.now();
    const other = to(there);
    composing.push(performance.now() - begin);
    const switched = await time(() => other.predict(feeds));
    differences.push(composing.at(-1) + switched - same);
  }
  if (sessions(adapted) !== open) throw new Error(`switching opened ${sessions(adapted) - open} sessions`);
  return {
    goal: 2, unit: "ms", value: Math.max(0, median(differences)), spread: quartiles(differences), n,
    details: { composing: median(composing), firstUse, newSessions: sessions(adapted) - open },
  };
}

async function time(call) {
  const begin = performance.now();
  await call();
  return performance.now() - begin;
}

const sessions = (model) => model.programs.programs.size;
