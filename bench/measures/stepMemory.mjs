import { randomBatch } from "../lib/madx.mjs";
import { peerExport, startPeer } from "../lib/peer.mjs";
import { fresh } from "../lib/process.mjs";

/** The most memory that a process ever holds which loads the encoder and trains: the interpreters are part of it, as they are for users. */
export const measure = {
  name: "peak memory of the step ÷ peer",
  needsPeer: true,
  async run({ python, cache, large, rows, length, threads }) {
    const folder = peerExport(python, cache, large);
    const batch = randomBatch(large.vocabulary, rows, length);
    const ours = [];
    const theirs = [];
    for (let round = 0; round < 2; round++) {
      ours.push(await fresh("stepOurs", { folder, batch, threads }));
      theirs.push(await peerMemory(python, large, { rows, length, threads }, batch));
    }
    const ratios = ours.map(({ megabytes }, round) => megabytes / theirs[round]);
    return [{
      goal: 0.5, value: Math.max(...ratios), spread: [Math.min(...ratios), Math.max(...ratios)], n: ratios.length,
      details: { megabytes: [Math.max(...ours.map(({ megabytes }) => megabytes)), Math.max(...theirs)], whenOpened: ours[0].opened },
    }];
  },
};

async function peerMemory(python, sizes, shape, batch) {
  const peer = await startPeer(python, sizes, shape);
  try {
    await peer.ask("batch", batch);
    for (let step = 0; step < 3; step++) await peer.ask("step");
    return (await peer.ask("memory")).mb;
  } finally {
    await peer.close();
  }
}
