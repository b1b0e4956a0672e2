import { nearDiagonal, normal, zeros, type ParameterScope, fromRows, toRows, affine } from "../../computation/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import type { Aggregator } from "../aggregator.js";
import { need } from "../context.js";
import { type FusionOptions, fusionDefaults } from "../fusion.js";

/**
 * AdapterFusion, Pfeiffer et al. 2021, section 3.2: p = softmax(q · kᵢ), context = Σ pᵢ vᵢ. Children that
 * are absent from a layer are not candidates there. The weights p, [batch, sequence, candidates], are exposed.
 */
export const attention: Aggregator = {
  about: "the attention-weighted sum of the results, query from the input (AdapterFusion)",
  needs: ["attend"],
  aggregate(context) {
    const { b, kind, state, children, scope, expose } = context;
    const options = { ...fusionDefaults, ...context.options } as FusionOptions;
    const present = children.flatMap((child) => (child === undefined ? [] : [child(state)]));
    if (present.length === 0) return kind.nothing(b, state);
    return need(context, "attend")(b, state, present, (query, candidates) => attend(b, scope(), options, query, candidates, expose));
  },
};

function attend(b: GraphBuilder, scope: ParameterScope, options: FusionOptions, input: Value, candidates: readonly Value[], expose: (name: string, value: Value) => void): Value {
  const query = options.query ? project(b, scope.within("query"), input, true) : input;
  const scores = candidates.map((candidate) => {
    const key = options.key ? project(b, scope.within("key"), candidate, true) : candidate;
    return b.sum(b.mul(query, key), [-1], true);
  });
  const all = b.concat(scores, -1);
  const weights = b.softmax(options.temperature === 1 ? all : b.div(all, options.temperature));
  expose("attention", weights);
  const value = (x: Value): Value => (options.value ? project(b, scope.within("value"), x, false, options.valueInitialized) : x);
  const parts = candidates.length === 1 ? [weights] : b.split(weights, -1, candidates.map(() => 1));
  const terms = candidates.map((candidate, index) => b.mul(parts[index]!, options.valueBeforeSoftmax ? value(candidate) : candidate));
  const sum = terms.reduce((total, term) => b.add(total, term));
  return options.valueBeforeSoftmax ? sum : value(sum);
}

function project(b: GraphBuilder, scope: ParameterScope, value: Value, biased: boolean, diagonal = false): Value {
  const width = value.shape!.at(-1) as number;
  const weight = scope.parameter("weight", [width, width], diagonal ? nearDiagonal(1, 1e-6) : normal(0.02));
  return fromRows(b, affine(b, toRows(b, value), weight, biased ? scope.parameter("bias", [width], zeros) : undefined), value);
}
