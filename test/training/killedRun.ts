// Fits a line slowly, from the checkpoint in the folder given, saying each step: a process to be killed.
import { setTimeout } from "node:timers/promises";
import { runTraining } from "#src/training/index.js";
import { LeastSquares, job } from "./leastSquares.js";

class SlowLeastSquares extends LeastSquares {
  override async run(...args: Parameters<LeastSquares["run"]>): ReturnType<LeastSquares["run"]> {
    await setTimeout(1);
    return super.run(...args);
  }
}

const program = new SlowLeastSquares();
await runTraining(job(program, { steps: 60, resume: true, checkpoint: { folder: process.argv[2]!, every: 1 }, onProgress: ({ done }) => console.log(`step ${done}`) }));
console.log(`done ${program.bytes()}`);
