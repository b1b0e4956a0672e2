import { unknownName } from "../base/index.js";
import type { Bijection } from "../backbone/index.js";
import type { GraphBuilder, Value } from "../onnx/index.js";
import { activate } from "./activation.js";
import { affine, fromRows, toRows } from "./linear.js";
import { type ParameterScope, normal, zeros } from "./scope.js";

/** A bijection of [batch, sequence, width] and its inverse, sharing their parameters. */
export interface InvertiblePair {
  readonly forward: Bijection;
  readonly inverse: Bijection;
}

type Net = (b: GraphBuilder, value: Value) => Value;
type Halves = readonly [number, number];

/** Coupling layers, each made of two small networks that read one half and change the other. */
export const couplings: Readonly<Record<string, (scope: ParameterScope, halves: Halves, net: NetFactory) => InvertiblePair>> = {
  /** Dinh et al. 2015: y₁ = x₁ + F(x₂), y₂ = x₂ + G(y₁). */
  nice(scope, [first, second], net) {
    const f = net(scope.within("F"), second, first);
    const g = net(scope.within("G"), first, second);
    return {
      forward: onHalves([first, second], (b, x1, x2) => {
        const y1 = b.add(x1, f(b, x2));
        return [y1, b.add(x2, g(b, y1))];
      }),
      inverse: onHalves([first, second], (b, y1, y2) => {
        const x2 = b.sub(y2, g(b, y1));
        return [b.sub(y1, f(b, x2)), x2];
      }),
    };
  },
  /** Kingma and Dhariwal 2018 with Ardizzone et al. 2019's soft clamp: y₁ = e(s₂) ⊙ x₁ + t₂, y₂ = e(s₁) ⊙ x₂ + t₁. */
  glow(scope, [first, second], net) {
    const s1 = net(scope.within("s1"), first, 2 * second);
    const s2 = net(scope.within("s2"), second, 2 * first);
    const parts = (b: GraphBuilder, value: Value, width: number): [Value, Value] => {
      const [scale, shift] = b.split(value, -1, [width, width]) as [Value, Value];
      return [b.exp(b.mul(b.op("Atan", [b.div(scale, 5)]), 5 * 0.636)), shift];
    };
    return {
      forward: onHalves([first, second], (b, x1, x2) => {
        const [e2, t2] = parts(b, s2(b, x2), first);
        const y1 = b.add(b.mul(e2, x1), t2);
        const [e1, t1] = parts(b, s1(b, y1), second);
        return [y1, b.add(b.mul(e1, x2), t1)];
      }),
      inverse: onHalves([first, second], (b, y1, y2) => {
        const [e1, t1] = parts(b, s1(b, y1), second);
        const x2 = b.div(b.sub(y2, t1), e1);
        const [e2, t2] = parts(b, s2(b, x2), first);
        return [b.div(b.sub(y1, t2), e2), x2];
      }),
    };
  },
};

export const invertibleNames = Object.keys(couplings);

type NetFactory = (scope: ParameterScope, from: number, to: number) => Net;

/** The bijection called `name` on vectors of `width`, its networks `width / 2 ÷ reductionFactor` wide; near the identity at the start. */
export function coupling(b: GraphBuilder, scope: ParameterScope, name: string, width: number, reductionFactor: number, nonLinearity: string): InvertiblePair {
  const make = couplings[name];
  if (make === undefined) throw unknownName("config", "invertible adapter", name, invertibleNames);
  const half = width >> 1;
  return make(scope, [half, width - half], (inner, from, to) => {
    const hidden = Math.max(1, Math.floor(from / reductionFactor));
    const down = { weight: inner.parameter("down.weight", [from, hidden], normal(0.02)), bias: inner.parameter("down.bias", [hidden], zeros) };
    const up = { weight: inner.parameter("up.weight", [hidden, to], normal(0.02)), bias: inner.parameter("up.bias", [to], zeros) };
    return (builder, value) => {
      const active = activate(builder, nonLinearity, affine(builder, toRows(builder, value), down.weight, down.bias));
      return fromRows(builder, affine(builder, active, up.weight, up.bias), value);
    };
  });
}

function onHalves([first, second]: Halves, change: (b: GraphBuilder, a: Value, c: Value) => readonly [Value, Value]): Bijection {
  return (b, value) => {
    const [a, c] = b.split(value, -1, [first, second]) as [Value, Value];
    return b.concat(change(b, a, c), -1);
  };
}
