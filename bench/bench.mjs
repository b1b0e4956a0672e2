// How fast, how small: `npm run bench -- [--json FILE] [--only NAME] [--rounds N] [--quick] [--threads N] [--peer VENV] [--cache FOLDER]`.
// Every measure is a ratio of two sides that alternate, or milliseconds; smaller is better. One file a measure in bench/measures.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { runtimeVersions } from "#src/runtime/index.js";
import { peerPython } from "./lib/peer.mjs";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" }, only: { type: "string" }, rounds: { type: "string" }, threads: { type: "string" }, quick: { type: "boolean", default: false },
    peer: { type: "string", default: process.env.MODLINGUA_PEER ?? ".venv-peer" }, cache: { type: "string", default: ".cache/bench" },
  },
});

const base = { hidden: 768, layers: 12 };
const sizes = options.quick
  ? { small: { hidden: 128, layers: 2, vocabulary: 500 }, large: { hidden: 128, layers: 2, vocabulary: 5000 }, rows: 2, length: 16 }
  : { small: { ...base, vocabulary: 8000 }, large: { ...base, vocabulary: 250002 }, rows: 8, length: 128 };
const rounds = count("rounds", options.quick ? 3 : 12);
const threads = count("threads", runtimeVersions().threads);

const python = peerPython(options.peer);
const measures = await readMeasures();
const chosen = options.only === undefined ? measures : measures.filter(({ file, name }) => file.includes(options.only) || name.includes(options.only));
if (chosen.length === 0) fail(`no measure is called ${options.only}; there are ${measures.map(({ file }) => file).join(", ")}`);

mkdirSync(options.cache, { recursive: true });
const loadBefore = loadavg()[0];
const results = [];
for (const measure of chosen) {
  if (measure.needsPeer && python === undefined) {
    console.log(`skipped: ${measure.name} (no peer in ${options.peer}; install it with bench/peer/install.sh ${options.peer})`);
    continue;
  }
  console.log(`measuring: ${measure.name}`);
  for (const result of await measure.run({ ...sizes, python, rounds, threads, cache: options.cache })) results.push({ name: measure.name, unit: "ratio", ...result });
}
printTable(results);
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify({ machine: machine(), measures: results }, null, 2)}\n`);
}
process.exit(0);

/** The folder is the registry. */
async function readMeasures() {
  const folder = new URL("measures/", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".mjs")).sort();
  return Promise.all(files.map(async (file) => ({ file: file.replace(".mjs", ""), ...(await import(new URL(file, folder))).measure })));
}

function machine() {
  const [{ model }] = cpus();
  return {
    processor: model, logicalCores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), system: `${platform()} ${release()} ${arch()}`,
    date: new Date().toISOString().slice(0, 10), load: { before: loadBefore, after: loadavg()[0] }, ...runtimeVersions(), threads, quick: options.quick,
  };
}

function count(name, fallback) {
  const number = Number(options[name] ?? fallback);
  if (!Number.isInteger(number) || number < 1) fail(`--${name} must be a whole number above 0, got ${options[name]}`);
  return number;
}

function printTable(rows) {
  const shown = (number, unit) => (unit === "ms" ? `${number.toFixed(2)} ms` : number.toFixed(3));
  const table = [["measure", "goal", "value", "spread (quartiles)", "n", "met"]];
  for (const { name, goal, value, spread, unit, n } of rows) {
    table.push([name, `≤ ${shown(goal, unit)}`, shown(value, unit), spread.map((number) => shown(number, unit)).join(" … "), String(n), value <= goal ? "yes" : "no"]);
  }
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}

function fail(problem) {
  console.error(problem);
  process.exit(2);
}
