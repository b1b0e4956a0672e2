import { type EncoderConfig, familyOf } from "../../backbone/index.js";
import { badValue, checkLeaveOut, checkShare } from "../badValue.js";
import { sequenceGate } from "../gate.js";
import { affine, fromRows, toRows } from "../linear.js";
import type { Method } from "../method.js";
import { type Initializer, kaimingUniform, normal, zeros } from "../scope.js";

export interface LoraConfig {
  readonly rank: number;
  /** The difference is scaled by alpha ÷ rank. */
  readonly alpha: number;
  /** Projections that get a difference: query, key, value, intermediate, output, attentionOutput; `qkv` where the backbone fuses them. */
  readonly targets: readonly string[];
  /** Scale by a learned gate a sequence instead of alpha ÷ rank. */
  readonly gating: boolean;
  /** Share of the input's numbers that a training step leaves out, for the difference only. */
  readonly dropout: number;
  readonly init: "lora" | "bert";
  readonly leaveOut: readonly number[];
}

/** Low-rank differences, Hu et al. 2022, equation 3: y = xW + (alpha ÷ rank) · xAB, with A [in, rank] and B [rank, out]. */
export const lora: Method<LoraConfig> = {
  about: "low-rank differences of projections (Hu et al. 2022)",
  defaults: { rank: 8, alpha: 8, targets: ["query", "value"], gating: false, dropout: 0, init: "lora", leaveOut: [] },
  presets: { lora: {} },
  check,
  at: ({ targets }) => ({ linear: targets }),
  leaveOut: ({ leaveOut }) => leaveOut,
  contribute: {
    linear(b, { input, inWidth, outWidth }, scope, config) {
      const a = scope.parameter("A", [inWidth, config.rank], starts[config.init].a);
      const c = scope.parameter("B", [config.rank, outWidth], starts[config.init].b);
      const seen = scope.dropout(b, input, config.dropout, "numbers");
      const delta = fromRows(b, affine(b, affine(b, toRows(b, seen), a), c), input);
      return { delta: config.gating ? b.mul(delta, sequenceGate(b, scope.within("gate"), input, normal(0.02))) : b.mul(delta, config.alpha / config.rank) };
    },
  },
  weightChange: ({ rank, alpha, gating }, { inWidth, outWidth }, parameter) =>
    (gating ? undefined : scaledProduct(parameter("A").data, parameter("B").data, [inWidth, rank, outWidth], alpha / rank)),
};

/** scale · A B for A [rows, inner] and B [inner, columns]. */
function scaledProduct(a: Float32Array, b: Float32Array, [rows, inner, columns]: readonly [number, number, number], scale: number): Float32Array {
  const product = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < inner; k++) {
      const factor = scale * a[row * inner + k]!;
      for (let column = 0; column < columns; column++) product[row * columns + column]! += factor * b[k * columns + column]!;
    }
  }
  return product;
}

const starts: Readonly<Record<LoraConfig["init"], { a: Initializer; b: Initializer }>> = {
  lora: { a: kaimingUniform, b: zeros },
  bert: { a: normal(0.02), b: normal(0.02) },
};

function check({ rank, alpha, dropout, init, targets, leaveOut }: LoraConfig, backbone: EncoderConfig): void {
  const { family } = backbone;
  if (!Number.isInteger(rank) || rank < 1) throw badValue("lora", "rank", rank, "a positive whole number");
  if (!(alpha > 0)) throw badValue("lora", "alpha", alpha, "a positive number");
  checkShare("lora", "dropout", dropout);
  if (!(init in starts)) throw badValue("lora", "init", init, `one of ${Object.keys(starts).join(", ")}`);
  if (targets.length === 0) throw badValue("lora", "targets", targets, "at least one projection");
  const { linears } = familyOf(family);
  if (targets.some((target) => !linears.includes(target))) throw badValue("lora", "targets", targets, `some of ${linears.join(", ")} for ${family} encoders`);
  checkLeaveOut("lora", leaveOut, backbone);
}
