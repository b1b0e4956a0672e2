import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type Tensor, int64 } from "#src/base/index.js";
import { readOnnxFile, writeOnnx } from "#src/formats/index.js";
import { type Graph, graphFromModel, modelFromGraph } from "#src/onnx/index.js";
import { openSession } from "#src/runtime/index.js";

const folder = "test/fixtures/backbones";

/** Tiny random encoders exported by torch: every family, exporter and opset (test/oracle/export_backbones.py). */
export const fixtures: readonly string[] = readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/model.onnx`)).sort();

export function readFixture(name: string): Graph {
  return graphFromModel(readOnnxFile(`${folder}/${name}/model.onnx`));
}

interface Recorded {
  readonly feeds: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly expected: Readonly<Record<string, readonly (readonly (readonly number[])[])[]>>;
}

export function recordedIo(name: string): Recorded {
  return JSON.parse(readFileSync(`${folder}/${name}/io.json`, "utf8")) as Recorded;
}

export function feedsOf(name: string): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(recordedIo(name).feeds).map(([key, rows]) => [key, int64([rows.length, rows[0]!.length], rows.flat())]));
}

/** Runs a graph as it is written, without the runtime's own rewriting. */
export async function runGraph(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
  const session = await openSession(writeOnnx(modelFromGraph(graph)), { optimization: "disabled", threads: 1, spinning: false });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** The largest difference, relative to the largest magnitude of the expected numbers. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  assert.deepEqual(actual.dims, expected.dims);
  const [a, b] = [Array.from(actual.data as ArrayLike<number | bigint>, Number), Array.from(expected.data as ArrayLike<number | bigint>, Number)];
  const scale = Math.max(...b.map(Math.abs), 1e-30);
  return Math.max(0, ...a.map((value, index) => (value === b[index] ? 0 : Math.abs(value - b[index]!)))) / scale;
}

/** Compares with a text file; a text that differs is written beside it, to be looked at and, if right, moved over it. */
export function matchesSnapshot(name: string, text: string): void {
  const path = `test/onnx/snapshots/${name}.txt`;
  const changed = `test/onnx/snapshots/${name}-changed.txt`;
  if (existsSync(path) && readFileSync(path, "utf8") === text) {
    rmSync(changed, { force: true });
    return;
  }
  writeFileSync(changed, text);
  assert.fail(`${path} differs from what is printed now: compare it with ${changed}`);
}
