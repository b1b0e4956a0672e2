// Three training steps of ours; the answer is the most that the whole process ever held.
import { openMadx, trainingStep } from "../lib/madx.mjs";
import { answer, memory } from "../lib/process.mjs";

await answer(async ({ folder, batch, threads }) => {
  const model = await openMadx(folder, { threads });
  const step = await trainingStep(model, batch);
  const opened = memory("VmHWM");
  const losses = [await step(), await step(), await step()];
  return { megabytes: memory("VmHWM"), opened, loss: losses[0] };
});
process.exit(0);
