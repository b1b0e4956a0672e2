import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

interface Report {
  readonly machine: Record<string, unknown>;
  readonly measures: readonly { readonly name: string; readonly value: number; readonly goal: number; readonly spread: readonly number[]; readonly n: number }[];
}

function runBench(...flags: readonly string[]): { report: Report; output: string } {
  const folder = mkdtempSync(join(tmpdir(), "modlingua-bench-"));
  try {
    const json = join(folder, "deep", "bench.json");
    const output = execFileSync(process.execPath, ["bench/bench.mjs", "--quick", "--rounds", "2", "--cache", folder, "--json", json, ...flags], { encoding: "utf8" });
    return { report: JSON.parse(readFileSync(json, "utf8")) as Report, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("the bench writes measures with value, goal, spread and count, and a switch opens no session", () => {
  const { report, output } = runBench("--only", "switching");
  assert.equal(report.machine["quick"], true);
  const [measure, ...others] = report.measures;
  assert.deepEqual(others, []);
  assert.equal(measure!.name, "switching the language adapter");
  assert.equal(measure!.goal, 2);
  assert.equal(measure!.n, 16);
  assert.equal(measure!.spread.length, 2);
  assert.ok(measure!.value >= 0 && measure!.value < 50, `${measure!.value} ms`);
  assert.match(output, /switching the language adapter +≤ 2\.00 ms/);
});

test("measures beside the peer are skipped with the way to install it", () => {
  const { report, output } = runBench("--only", "step ÷ peer", "--peer", "no-such-venv");
  assert.deepEqual(report.measures, []);
  assert.match(output, /^skipped: training step ÷ peer \(no peer in no-such-venv; install it with bench\/peer\/install\.sh no-such-venv\)$/m);
});

test("an unknown measure is refused with the known ones", () => {
  assert.throws(() => runBench("--only", "nothing"), (error: { status: number; stderr: string }) => error.status === 2 && /no measure is called nothing; there are .*switching/.test(error.stderr));
});
