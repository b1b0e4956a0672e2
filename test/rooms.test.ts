import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

interface Rooms {
  readonly rooms: Readonly<Record<string, { readonly about: string; readonly imports: readonly string[] | "every room" }>>;
  violations(files?: readonly string[], read?: (file: string) => string): string[];
  importTable(): string;
}

const house = (await import(pathToFileURL(resolve("scripts/rooms.mjs")).href)) as Rooms;

/** A made-up house of a few files; every one exists as far as the checker knows. */
function faultsOf(sources: Readonly<Record<string, string>>): string[] {
  return house.violations(Object.keys(sources), (file) => sources[file]!);
}

test("every import of src is allowed, goes through doors, closes no circle, and nothing waits at the top level", () => {
  assert.deepEqual(house.violations(), []);
});

test("a forbidden room is named with what the room may import", () => {
  assert.deepEqual(faultsOf({ "src/onnx/index.ts": 'import { gradient } from "../autodiff/index.js";\ngradient();', "src/autodiff/index.ts": "export function gradient() {}" }),
    ["src/onnx/index.ts:1: onnx may not import autodiff; it may import base, formats (scripts/rooms.mjs)"]);
});

test("type-only imports obey the table too", () => {
  assert.equal(faultsOf({ "src/base/a.ts": '\nimport type { Graph } from "../onnx/index.js";', "src/onnx/index.ts": "" }).length, 1);
  assert.equal(faultsOf({ "src/base/a.ts": 'export type A = import("../onnx/index.js").Graph;', "src/onnx/index.ts": "" }).length, 1);
});

test("a way around the door is named", () => {
  assert.deepEqual(faultsOf({ "src/onnx/a.ts": 'import { b } from "../base/b.js";', "src/base/b.ts": "" }), ["src/onnx/a.ts:1: enters base through b.ts; use its door, ../base/index.js"]);
});

test("only the rooms that own a package may import it, also inside functions", () => {
  assert.deepEqual(faultsOf({ "src/model/a.ts": 'const ort = () => import("onnxruntime-node");' }), ["src/model/a.ts:1: only runtime may import onnxruntime-node"]);
  assert.deepEqual(faultsOf({ "src/data/a.ts": 'const open = () => import("@xenova/transformers");' }), []);
  assert.deepEqual(faultsOf({ "src/base/a.ts": 'import pad from "left-pad";' }), ["src/base/a.ts:1: imports left-pad, which scripts/rooms.mjs does not know"]);
});

test("a circle of files is found, and a registry entry's type import of its contract is none", () => {
  assert.deepEqual(faultsOf({ "src/base/a.ts": 'import { b } from "./b.js";', "src/base/b.ts": 'import { a } from "./a.js";' }), ["circle of imports: src/base/a.ts → src/base/b.ts → src/base/a.ts"]);
  const registry = { "src/routing/router.ts": 'import * as all from "./routers/index.js";', "src/routing/routers/index.ts": 'export * from "./all.js";' };
  assert.deepEqual(faultsOf({ ...registry, "src/routing/routers/all.ts": 'import type { Router } from "../router.js";' }), []);
  assert.equal(faultsOf({ ...registry, "src/routing/routers/all.ts": 'import { type Router } from "../router.js";' }).length, 1);
});

test("a top-level await is found, one inside a function is none", () => {
  assert.equal(faultsOf({ "src/base/a.ts": "const a = await fetch('x');" }).length, 1);
  assert.equal(faultsOf({ "src/base/a.ts": "for await (const x of []) {}" }).length, 1);
  assert.deepEqual(faultsOf({ "src/base/a.ts": "export async function a() { await 1; for await (const x of []) {} }" }), []);
});

test("docs/architecture.md shows the table as it is", () => {
  assert.ok(readFileSync("docs/architecture.md", "utf8").includes(house.importTable()), "the table of imports in docs/architecture.md is old: run node scripts/reference.mjs");
});
