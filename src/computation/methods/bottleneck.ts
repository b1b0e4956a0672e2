import type { EncoderConfig, ResidualContribution, ResidualState } from "../../backbone/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import { activate } from "../activation.js";
import { badValue, checkLeaveOut, checkShare } from "../badValue.js";
import { sequenceGate } from "../gate.js";
import { coupling, couplings, invertibleNames } from "../invertible.js";
import { affine, fromRows, toRows } from "../linear.js";
import type { Method } from "../method.js";
import { type Initializer, type ParameterScope, kaimingUniform, normal, ones, truncatedNormal, zeros } from "../scope.js";

export interface BottleneckConfig {
  /** Ends of sub-blocks where a bottleneck stands. */
  readonly places: readonly ("attentionOutput" | "ffnOutput")[];
  /** Hidden size ÷ bottleneck size, may be below 1; or by layer: `{ "0": 8, default: 16 }`. */
  readonly reductionFactor: number | Readonly<Record<string, number>>;
  readonly nonLinearity: string;
  /** Read the normalised stream: input = norm(hidden + residual), with the pretrained norm. */
  readonly originalNormBefore: boolean;
  /** The backbone's residual connection and norm follow. */
  readonly originalNormAfter: boolean;
  /** New, trained norms before and after the bottleneck. */
  readonly normBefore: boolean;
  readonly normAfter: boolean;
  /** Read the sub-block's own input instead of its output (He et al. 2022). */
  readonly parallel: boolean;
  /** A fixed factor, one learned number, or one a channel. */
  readonly scaling: number | "learned" | "channel";
  /** Weigh each sequence by the mean of a learned sigmoid (Mao et al. 2022). */
  readonly gating: boolean;
  /** What the bottleneck adds back: the sub-block's result (true), its own input (false), or the sum before the norm. */
  readonly residualBeforeNorm: boolean | "postAdd";
  /** Add it back before `normAfter` instead of after. */
  readonly adapterResidualBeforeNorm: boolean;
  /** Share of the scaled result's numbers that a training step leaves out. */
  readonly dropout: number;
  /** Share of the sequences for which a training step leaves the bottleneck's result out (Huang et al. 2016). */
  readonly stochasticDepth: number;
  readonly init: "bert" | "mamAdapter" | "houlsby";
  /** Layers without a bottleneck. */
  readonly leaveOut: readonly number[];
  /** A bijection of the embeddings that is undone before the vocabulary matrix (MAD-X 3.2.3). */
  readonly invertible: "none" | "nice" | "glow";
  readonly invertibleReductionFactor: number;
}

/**
 * Bottleneck adapters: Houlsby et al. 2019; Pfeiffer et al. 2020 (MAD-X, equation 1); He et al. 2022
 * (parallel); Steitz and Roth 2024 (Adapter+). `delta = scale · act(x · down) · up`, weights [in, out].
 */
export const bottleneck: Method<BottleneckConfig> = {
  about: "bottleneck adapters in every layout (Houlsby et al. 2019, Pfeiffer et al. 2020, He et al. 2022)",
  defaults: {
    places: ["ffnOutput"], reductionFactor: 16, nonLinearity: "relu", originalNormBefore: true, originalNormAfter: true, normBefore: false, normAfter: false,
    parallel: false, scaling: 1, gating: false, residualBeforeNorm: true, adapterResidualBeforeNorm: false, dropout: 0, stochasticDepth: 0, init: "bert", leaveOut: [],
    invertible: "none", invertibleReductionFactor: 2,
  },
  presets: {
    pfeiffer: {},
    madxLanguage: { reductionFactor: 2, invertible: "nice" },
    houlsby: { places: ["attentionOutput", "ffnOutput"], nonLinearity: "swish", originalNormBefore: false },
    parallel: { parallel: true, reductionFactor: 2, scaling: 4, originalNormBefore: false, init: "mamAdapter" },
    scaledParallel: { parallel: true, reductionFactor: 2, scaling: "learned", originalNormBefore: false, init: "mamAdapter" },
    adapterPlus: { reductionFactor: 96, nonLinearity: "gelu", residualBeforeNorm: false, originalNormAfter: false, scaling: "channel", stochasticDepth: 0.1, init: "houlsby" },
  },
  check,
  at: ({ places, invertible }) => ({ residual: places, ...(invertible === "none" ? {} : { embedding: ["embedding"] }) }),
  leaveOut: ({ leaveOut }) => leaveOut,
  contribute: {
    residual: (b, state, scope, config, site) => contribute(b, state, scope, config, bottleneckWidth(config, site.width, site.layer)),
    embedding: (b, state, scope, config) => {
      const bijection = coupling(b, scope.within("invertible"), config.invertible, state.width, config.invertibleReductionFactor, config.nonLinearity);
      return { output: bijection.forward(b, state.output), invert: bijection.inverse };
    },
  },
};

function contribute(b: GraphBuilder, state: ResidualState, scope: ParameterScope, config: BottleneckConfig, width: number): ResidualContribution {
  const { input, added } = readStream(b, state, config);
  const normed = config.normBefore ? newNorm(b, scope.within("normBefore"), input) : input;
  const result = scope.dropout(b, bottleneckOf(b, scope, config, normed, width), config.stochasticDepth, "sequences");
  const delta = scope.dropout(b, scaled(b, result, scope, config), config.dropout, "numbers");
  const gated = config.gating ? b.mul(delta, sequenceGate(b, scope.within("gate"), input, config.init === "houlsby" ? kaimingUniform : normal(0.02))) : delta;
  return { output: withResidual(b, gated, added, scope, config), delta, input, added, closes: config.originalNormAfter };
}

/** What the bottleneck reads, and what it adds back. */
function readStream(b: GraphBuilder, { hidden, residual, norm }: ResidualState, config: BottleneckConfig): { input: Value; added: Value | undefined } {
  if (config.parallel) return { input: residual, added: hidden };
  if (!config.originalNormBefore) return { input: hidden, added: hidden };
  const sum = b.add(hidden, residual);
  const input = norm(b, sum);
  if (config.residualBeforeNorm === "postAdd") return { input, added: sum };
  return { input, added: config.residualBeforeNorm ? hidden : input };
}

function bottleneckOf(b: GraphBuilder, scope: ParameterScope, config: BottleneckConfig, input: Value, width: number): Value {
  const hidden = input.shape!.at(-1) as number;
  const start = starts[config.init];
  const down = affine(b, toRows(b, input), scope.parameter("down.weight", [hidden, width], start.down), scope.parameter("down.bias", [width], start.bias));
  const active = activate(b, config.nonLinearity, down);
  const up = affine(b, active, scope.parameter("up.weight", [width, hidden], start.up), scope.parameter("up.bias", [hidden], start.bias));
  return fromRows(b, up, input);
}

const starts: Readonly<Record<BottleneckConfig["init"], { down: Initializer; up: Initializer; bias: Initializer }>> = {
  bert: { down: normal(0.02), up: normal(0.02), bias: zeros },
  mamAdapter: { down: kaimingUniform, up: zeros, bias: zeros },
  houlsby: { down: truncatedNormal(0.01), up: truncatedNormal(0.01), bias: zeros },
};

function scaled(b: GraphBuilder, delta: Value, scope: ParameterScope, { scaling }: BottleneckConfig): Value {
  if (typeof scaling === "number") return scaling === 1 ? delta : b.mul(delta, scaling);
  return b.mul(delta, scope.parameter("scaling", [scaling === "learned" ? 1 : (delta.shape!.at(-1) as number)], ones));
}

function withResidual(b: GraphBuilder, delta: Value, added: Value | undefined, scope: ParameterScope, config: BottleneckConfig): Value {
  const early = added !== undefined && config.adapterResidualBeforeNorm && !config.parallel;
  const summed = early ? b.add(delta, added) : delta;
  const normed = config.normAfter ? newNorm(b, scope.within("normAfter"), summed) : summed;
  return early || added === undefined ? normed : b.add(normed, added);
}

function newNorm(b: GraphBuilder, scope: ParameterScope, value: Value): Value {
  const hidden = value.shape!.at(-1) as number;
  return b.layerNorm(value, scope.parameter("weight", [hidden], ones), scope.parameter("bias", [hidden], zeros), 1e-5);
}

/** max(1, ⌊hidden ÷ reduction factor⌋) for a layer. */
function bottleneckWidth(config: BottleneckConfig, hidden: number, layer: number): number {
  return Math.max(1, Math.floor(hidden / factorOf(config, layer)));
}

function factorOf({ reductionFactor }: BottleneckConfig, layer: number): number {
  const factor = typeof reductionFactor === "number" ? reductionFactor : reductionFactor[String(layer)] ?? reductionFactor["default"];
  if (factor === undefined) throw badValue("bottleneck", "reductionFactor", reductionFactor, `a map with an entry for layer ${layer} or a "default"`);
  return factor;
}

function check(config: BottleneckConfig, backbone: EncoderConfig): void {
  for (let layer = 0; layer < backbone.layers; layer++) {
    if (!(factorOf(config, layer) > 0)) throw badValue("bottleneck", "reductionFactor", config.reductionFactor, "a positive number, or a map of them by layer");
  }
  if (config.places.length === 0 || config.places.some((place) => !["attentionOutput", "ffnOutput"].includes(place))) throw badValue("bottleneck", "places", config.places, "at least one of attentionOutput, ffnOutput");
  for (const key of ["dropout", "stochasticDepth"] as const) checkShare("bottleneck", key, config[key]);
  if (config.parallel && config.stochasticDepth > 0) throw badValue("bottleneck", "stochasticDepth", config.stochasticDepth, "0 where parallel is true");
  if (!(config.init in starts)) throw badValue("bottleneck", "init", config.init, `one of ${Object.keys(starts).join(", ")}`);
  if (typeof config.scaling === "number" ? !Number.isFinite(config.scaling) : !["learned", "channel"].includes(config.scaling)) {
    throw badValue("bottleneck", "scaling", config.scaling, 'a number, "learned" or "channel"');
  }
  if (config.invertible !== "none" && !(config.invertible in couplings)) throw badValue("bottleneck", "invertible", config.invertible, `one of none, ${invertibleNames.join(", ")}`);
  if (!(config.invertibleReductionFactor > 0)) throw badValue("bottleneck", "invertibleReductionFactor", config.invertibleReductionFactor, "a positive number");
  checkLeaveOut("bottleneck", config.leaveOut, backbone);
}
