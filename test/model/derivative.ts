import { type Tensor, float32, randomStream } from "#src/base/index.js";
import type { TrainingProgram } from "#src/model/index.js";

type Feeds = Readonly<Record<string, Tensor>>;

/** |g·u − (f(p + hu) − f(p − hu)) / 2h| ÷ ‖g‖ along one random direction u over all trained parameters, with one Richardson step. */
export async function directionalError(step: TrainingProgram, feeds: Feeds): Promise<number> {
  step.touch();
  const { gradients } = await step.run(feeds);
  const directions = step.parameters.map(({ module, name, tensor }) => {
    const random = randomStream(5, module, name);
    return float32(tensor.dims, tensor.data.map(() => random.normal()));
  });
  const analytic = gradients.reduce((sum, { data }, index) => sum + data.reduce((part, value, i) => part + value * directions[index]!.data[i]!, 0), 0);
  const norm = Math.sqrt(gradients.reduce((sum, { data }) => sum + data.reduce((part, value) => part + value * value, 0), 0));
  const numeric = (4 * (await quotient(step, feeds, directions, 0.005)) - (await quotient(step, feeds, directions, 0.01))) / 3;
  return Math.abs(analytic - numeric) / norm;
}

async function quotient(step: TrainingProgram, feeds: Feeds, directions: readonly { readonly data: Float32Array }[], h: number): Promise<number> {
  const moved = async (by: number): Promise<number> => {
    const before = step.parameters.map(({ tensor }) => tensor.data.slice());
    step.parameters.forEach(({ tensor }, index) => tensor.data.forEach((value, i) => (tensor.data[i] = value + by * directions[index]!.data[i]!)));
    step.touch();
    const { loss } = await step.run(feeds);
    step.parameters.forEach(({ tensor }, index) => tensor.data.set(before[index]!));
    step.touch();
    return loss;
  };
  return ((await moved(h)) - (await moved(-h))) / (2 * h);
}
