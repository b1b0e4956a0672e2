import { alternate, own } from "../lib/alternate.mjs";
import { openMadx, randomBatch, trainingStep } from "../lib/madx.mjs";
import { peerExport, startPeer } from "../lib/peer.mjs";
import { takePeerWeights } from "../lib/peerWeights.mjs";

/** MAD-X training step on the same weights and the same batch, fp32. */
export const measure = {
  name: "training step ÷ peer",
  needsPeer: true,
  async run({ python, cache, large, rows, length, rounds, threads }) {
    const folder = peerExport(python, cache, large);
    const peer = await startPeer(python, large, { rows, length, threads });
    const model = await openMadx(folder, { threads });
    try {
      takePeerWeights(folder, model);
      const batch = randomBatch(large.vocabulary, rows, length);
      await peer.ask("batch", batch);
      const step = await trainingStep(model, batch);
      const first = { ours: await step(), peer: (await peer.ask("step")).loss };
      if (Math.abs(first.ours / first.peer - 1) > 1e-4) throw new Error(`the sides do not compute the same step: the loss is ${first.ours} and the peer's ${first.peer}`);
      const result = await alternate(own(step), peer.side("step"), rounds);
      return [{ goal: 0.45, ...result, details: { ...result.details, loss: first, versions: peer.versions } }];
    } finally {
      await Promise.all([peer.close(), model.close()]);
    }
  },
};
