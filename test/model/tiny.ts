import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Backbone } from "#src/backbone/index.js";
import { type Tensor, int64 } from "#src/base/index.js";
import { openBackbone } from "#src/hub/loadBackbone.js";

export const fixtures = "test/fixtures/backbones";

/** Names of the tiny random encoders, e.g. "bert-opset17". */
export function tinyNames(): string[] {
  return readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, "model.onnx")));
}

/** One of the tiny random encoders. */
export function openTiny(name: string): Backbone {
  return openFile(join(fixtures, name, "model.onnx"));
}

/** An ONNX file with its config.json beside or above. */
export function openFile(file: string): Backbone {
  const folder = existsSync(join(dirname(file), "config.json")) ? dirname(file) : dirname(dirname(file));
  return openBackbone(file, join(folder, "config.json"), basename(folder));
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

/** Nested arrays of whole numbers as an int64 tensor. */
export function ints(rows: readonly (readonly number[])[]): Tensor {
  return int64([rows.length, rows[0]!.length], rows.flat());
}

/** All numbers of nested arrays, in order. */
export function flat(nested: unknown): number[] {
  return Array.isArray(nested) ? nested.flatMap(flat) : [nested as number];
}

/** Largest absolute difference ÷ largest absolute expected number; throws where the lengths differ. */
export function relativeError(actual: ArrayLike<number | bigint>, expected: readonly number[]): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, expected ${expected.length}`);
  let difference = 0;
  let largest = 0;
  expected.forEach((number, index) => {
    const distance = Math.abs(Number(actual[index]) - number);
    difference = Number.isNaN(distance) ? Infinity : Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(number));
  });
  return difference / largest;
}
