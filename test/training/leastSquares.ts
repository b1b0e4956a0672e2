import { type BatchSource, type MicroBatch, type TrainingJob, accumulate, exampleSource } from "#src/training/index.js";
import { type FloatTensor, ModlinguaError, type Tensor, float32, randomStream } from "#src/base/index.js";
import type { TrainingProgram } from "#src/model/index.js";

export const examples = 50;
export const width = 4;

interface Points {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Points of a noisy linear function. */
export const points: Points = (() => {
  const random = randomStream(3, "points");
  const x = Float32Array.from({ length: examples * width }, () => random.normal());
  const y = Float32Array.from({ length: examples }, (_, row) => x.slice(row * width, (row + 1) * width).reduce((sum, v, i) => sum + v * (i - 1), 0.5) + 0.1 * random.normal());
  return { x, y };
})();

export function batchOf(indices: readonly number[]): MicroBatch {
  const x = indices.flatMap((index) => [...points.x.slice(index * width, (index + 1) * width)]);
  return { feeds: { x: float32([indices.length, width], x), y: float32([indices.length], indices.map((index) => points.y[index]!)) }, count: indices.length, tokens: 7 * indices.length };
}

/** Least squares by hand, in the shape of a training program: loss = lossScale · Σ (x·w + b − y)². */
export class LeastSquares implements TrainingProgram {
  readonly weight = float32([width, 1], [0.1, -0.2, 0.3, 0]);
  readonly bias = float32([1]);
  readonly parameters = [{ module: "line", name: "weight", tensor: this.weight }, { module: "line", name: "bias", tensor: this.bias }];
  runs = 0;
  touched = 0;
  poison: number | undefined;
  beforeRun: (run: number) => void = () => undefined;

  async run(feeds: Readonly<Record<string, Tensor>>, { signal }: { readonly signal?: AbortSignal } = {}): Promise<{ loss: number; gradients: FloatTensor[] }> {
    this.beforeRun(++this.runs);
    if (signal?.aborted === true) throw new ModlinguaError("aborted", "the run was interrupted");
    const [x, y, scale] = ["x", "y", "lossScale"].map((name) => feeds[name]!.data as Float32Array) as [Float32Array, Float32Array, Float32Array];
    const [weight, bias] = [float32([width, 1]), float32([1])];
    let loss = 0;
    y.forEach((target, row) => {
      const error = this.weight.data.reduce((sum, w, i) => sum + w * x[row * width + i]!, this.bias.data[0]!) - target;
      loss += scale[0]! * error * error;
      for (let i = 0; i < width; i++) weight.data[i]! += 2 * scale[0]! * error * x[row * width + i]!;
      bias.data[0]! += 2 * scale[0]! * error;
    });
    return { loss: this.runs === this.poison ? NaN : loss, gradients: [weight, bias] };
  }

  touch(): void {
    this.touched++;
  }

  bytes(): string {
    return this.parameters.map(({ tensor }) => Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength).toString("hex")).join();
  }
}

export function source(seed = 0, tokenBudget = 40): BatchSource {
  const lengths = Array.from({ length: examples }, (_, index) => 5 + (index % 7));
  return exampleSource({ lengths, batchOf, batchSize: 16, tokenBudget, seed });
}

export function job(program: TrainingProgram, options: Partial<TrainingJob> = {}): TrainingJob {
  return { task: "fit a line", program, source: source(), steps: 20, learningRate: 0.05, ...options };
}

/** The mean squared error over all points. */
export function evaluator(program: LeastSquares): () => Promise<{ score: number }> {
  const copy = new LeastSquares();
  return async () => {
    program.parameters.forEach(({ tensor }, i) => copy.parameters[i]!.tensor.data.set(tensor.data));
    return { score: await accumulate(copy, [batchOf([...points.y.keys()])], [new Float32Array(width), new Float32Array(1)]) };
  };
}
