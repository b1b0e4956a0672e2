// Opens an encoder as a user does, up to a session that is ready to run; the start of the thread that holds it is part of it.
import { assemble, loadBackbone } from "modlingua";
import { answer, memory } from "../lib/process.mjs";

await answer(async ({ folder, threads }) => {
  const before = memory("VmRSS");
  const begin = performance.now();
  await assemble(await loadBackbone(folder), { session: { threads } }).prepare();
  return { milliseconds: performance.now() - begin, megabytes: memory("VmHWM") - before };
});
process.exit(0);
