// Writes docs/reference.md from the registries of the build, and the table of rooms in docs/architecture.md; with --check only compares.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { aggregatorOf } from "../dist/aggregation/index.js";
import { familyOf, kindNames, kindOf } from "../dist/backbone/index.js";
import * as families from "../dist/backbone/families/index.js";
import { commandTable, usageLine } from "../dist/cli/index.js";
import { blockNames, blockOf } from "../dist/composition/index.js";
import { methodNames, methodOf } from "../dist/computation/index.js";
import { datasets, readManifest } from "../dist/data/index.js";
import { metricNames, metricOf } from "../dist/evaluation/index.js";
import { taskNames, taskOf } from "../dist/heads/index.js";
import { canonicalOrder } from "../dist/onnx/index.js";
import { routerOf } from "../dist/routing/index.js";
import { importTable } from "./rooms.mjs";

const code = (value) => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
const table = (header, rows) => [`| ${header.join(" | ")} |`, `| ${header.map(() => "---").join(" | ")} |`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const settings = (values) => Object.entries(values).filter(([, value]) => value !== undefined).map(([key, value]) => `${code(key)} ${code(value)}`).join(", ") || "none";

function methods() {
  return methodNames().map((name) => {
    const { about, defaults, presets, contribute } = methodOf(name);
    return [
      `### ${name}`, `${about[0].toUpperCase()}${about.slice(1)}. Acts at ${Object.keys(contribute).join(" and ")} sites.`,
      table(["key", "default"], Object.entries(defaults).map(([key, value]) => [code(key), code(value)])),
      table(["preset", "what it sets"], Object.entries(presets).map(([preset, config]) => [code(preset), settings(config)])),
    ].join("\n\n");
  }).join("\n\n");
}

function blocks() {
  return table(["block", "what it does", "router", "aggregator", "options"], blockNames.map((name) => {
    const { about, router, aggregator, options } = blockOf(name);
    const given = Object.entries(options).map(([key, value]) => (value === undefined ? code(key) : `${code(key)} ${code(value)}`));
    return [code(name), about, `${code(router)}: ${routerOf(router).about}`, `${code(aggregator)}: ${aggregatorOf(aggregator).about}`, given.join(", ") || "none"];
  }));
}

/** Which block can act at which kind of site: the aggregator's needs against the kind's algebra. */
function support() {
  const missing = (block, kind) => aggregatorOf(blockOf(block).aggregator).needs.filter((operation) => kindOf(kind)[operation] === undefined);
  const cell = (block, kind) => (missing(block, kind).length === 0 ? "yes" : `no: needs ${missing(block, kind).join(", ")}`);
  return table(["block", ...kindNames.map(code)], blockNames.map((block) => [code(block), ...kindNames.map((kind) => cell(block, kind))]));
}

function operators() {
  const folder = "src/autodiff/rules";
  return table(["file", "operators"], readdirSync(folder).filter((file) => file !== "index.ts").sort().map((file) => [
    code(file), [...readFileSync(`${folder}/${file}`, "utf8").matchAll(/^export const (\w+): Vjp/gm)].map(([, name]) => code(name)).join(", "),
  ]));
}

/** The first sentence above an entry. */
function aboutFunction(file, name) {
  const [, comment] = readFileSync(file, "utf8").match(new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*?)\\*/\\s*export (?:function|const) ${name}\\b`)) ?? [];
  return comment?.replace(/^\s*\*/gm, " ").replace(/\s+/g, " ").trim().split(/(?<=\.)\s/)[0] ?? "";
}

function figures() {
  const folder = "src/figures/plots";
  return table(["figure", "what it shows"], readdirSync(folder).filter((file) => file !== "index.ts").sort().map((file) => {
    const name = file.replace(/\.ts$/, "");
    return [code(name), aboutFunction(`${folder}/${file}`, name)];
  }));
}

function dataSets() {
  return table(["data set", "title", "tasks", "languages", "licence", "comes with the package"], [...datasets.values()].map((dataset) => {
    const { files, licence } = readManifest(dataset);
    return [code(dataset.name), dataset.title, Object.keys(dataset.tasks).join(", "), new Set(files.map(({ code: spelling }) => spelling)).size, licence, dataset.embedded === true ? "yes" : "no"];
  }));
}

function reference() {
  return [
    "# Reference", "Written from the code by `node scripts/reference.mjs`; a test compares.",
    "## Methods", "`createAdapter(name, { method, preset, …keys })`: what one module computes.", methods(),
    "## Blocks", "`stack([a, b])` and the others: how several modules join.", blocks(),
    "### Which block acts at which kind of site", "Read off the algebra of each kind. Where it says no, building the model refuses and says why.", support(),
    "## Heads", "`createHead(task, { …keys })`.", table(["task", "what it answers", "keys"], taskNames.map((name) => [code(name), taskOf(name).about, settings(taskOf(name).defaults)])),
    "## Families of encoders", table(["family", "`model_type`", "norm", "projections of a layer"], Object.keys(families).map((name) => {
      const { modelTypes, norm, linears } = familyOf(name);
      return [code(name), modelTypes.map(code).join(", "), norm === "post" ? "after the residual sum" : "before the sub-block", linears.map(code).join(", ")];
    })),
    "## Operators with a gradient", operators(),
    "## Passes, in the order in which a graph goes through them", table(["pass", "what it does"], canonicalOrder.map(({ name, does }) => [code(name), does])),
    "## Data sets", "`loadDataset(name, language, split, { task })`.", dataSets(),
    "## Metrics", table(["metric", "what it is", "counted from", "options"], metricNames().map((name) => [code(name), metricOf(name).about, metricOf(name).needs, settings(metricOf(name).defaults)])),
    "## Figures", figures(),
    "## Commands", table(["command", "what it does"], [...commandTable].map(([name, command]) => [code(usageLine(name, command)), command.about])), "",
  ].join("\n\n").trimEnd() + "\n";
}

/** The page with the table of rooms between its two marks. */
function architecture(page) {
  return page.replace(/(<!-- rooms -->\n)[\s\S]*?(\n<!-- \/rooms -->)/, (_, before, after) => `${before}\n${importTable()}\n${after}`);
}

const pages = [["docs/reference.md", reference], ["docs/architecture.md", architecture]];
let stale = 0;
for (const [file, write] of pages) {
  const before = readFileOrNothing(file);
  const text = write(before);
  if (text === before) continue;
  if (process.argv.includes("--check")) {
    console.error(`${file} is out of date: run node scripts/reference.mjs`);
    stale++;
  } else writeFileSync(file, text);
}
process.exit(stale === 0 ? 0 : 1);

function readFileOrNothing(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
