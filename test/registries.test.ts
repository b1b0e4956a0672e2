import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { aggregatorOf } from "#src/aggregation/index.js";
import { differentiableOperators } from "#src/autodiff/index.js";
import { type KindName, kindNames, kindOf, readConfig } from "#src/backbone/index.js";
import { findCommand } from "#src/cli/index.js";
import { blockNames, blockOf } from "#src/composition/index.js";
import { completeConfig, methodNames, methodOf } from "#src/computation/index.js";
import { findDataset } from "#src/data/index.js";
import { metricOf } from "#src/evaluation/index.js";
import { createHead, taskNames, taskOf } from "#src/heads/index.js";
import { canonicalOrder } from "#src/onnx/index.js";
import { routerOf } from "#src/routing/index.js";
import { ModlinguaError } from "#src/base/index.js";

/** Folders whose listing is the registry: one file, one entry of the file's name (rule files hold one rule an operator). */
const oneEntryAFile = ["backbone/kinds", "backbone/families", "computation/methods", "routing/routers", "aggregation/aggregators", "composition/blocks", "heads/tasks", "data/datasets", "onnx/passes", "evaluation/metrics", "cli/commands"];

async function entriesOf(folder: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(pathToFileURL(join("dist", folder, "index.js")).href)) as Record<string, unknown>;
}

function filesIn(folder: string): string[] {
  return readdirSync(join("src", folder)).filter((file) => file.endsWith(".ts") && file !== "index.ts").map((file) => basename(file, ".ts")).sort();
}

describe("folders are registries", () => {
  it("every index is what the script writes", () => {
    const { status, stderr } = spawnSync(process.execPath, ["scripts/indexes.mjs", "--check"], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });

  it("an index that lacks a file is found out", () => {
    for (const folder of oneEntryAFile) {
      const lines = readFileSync(join("src", folder, "index.ts"), "utf8").split("\n").filter((line) => line.startsWith("export"));
      assert.deepEqual(lines, filesIn(folder).map((file) => `export * from "./${file}.js";`), folder);
    }
  });

  for (const folder of oneEntryAFile) {
    it(`${folder}: each file exports one entry under its own name, and says what it is`, async () => {
      const entries = await entriesOf(folder);
      assert.deepEqual(Object.keys(entries).sort(), filesIn(folder));
      for (const [name, entry] of Object.entries(entries)) assert.ok(isDescribed(entry, folder), `${folder}/${name} says nothing about itself`);
    });
  }

  it("every figure is a function of the file's name", async () => {
    const entries = await entriesOf("figures/plots");
    for (const file of filesIn("figures/plots")) assert.ok(Object.keys(entries).some((name) => name.startsWith(file) && typeof entries[name] === "function"), file);
  });
});

/** A line about itself: `about`, `does`, `title`; kinds and families are described above their constant. */
function isDescribed(entry: unknown, folder: string): boolean {
  const { about, does, title } = entry as { readonly about?: unknown; readonly does?: unknown; readonly title?: unknown };
  return ["backbone/kinds", "backbone/families"].includes(folder) || [about, does, title].some((text) => typeof text === "string" && text.length > 2);
}

describe("entries keep their contracts", () => {
  for (const name of methodNames()) {
    it(`method ${name}: presets use its own keys, every kind it acts at is one, and it contributes where it says`, () => {
      const method = methodOf(name);
      for (const [preset, config] of Object.entries(method.presets)) {
        for (const key of Object.keys(config)) assert.ok(Object.hasOwn(method.defaults, key), `${preset} sets ${key}`);
        const places = method.at(completeConfig({ method: name, preset } as Parameters<typeof completeConfig>[0]));
        for (const kind of Object.keys(places)) assert.ok(Object.hasOwn(method.contribute, kind), `${preset} acts at ${kind} sites and contributes nothing there`);
      }
      for (const kind of Object.keys(method.contribute)) assert.ok((kindNames as readonly string[]).includes(kind), kind);
      assert.ok("leaveOut" in method.defaults, "layers can be left out");
    });
  }

  for (const name of blockNames) {
    it(`block ${name}: its router and aggregator exist, and some kind of site has what they need`, () => {
      const block = blockOf(name);
      assert.ok(routerOf(block.router).about.length > 0);
      const { needs } = aggregatorOf(block.aggregator);
      const able = kindNames.filter((kind: KindName) => needs.every((operation) => typeof (kindOf(kind) as unknown as Record<string, unknown>)[operation] === "function"));
      assert.ok(able.includes("residual"), `${name} acts at ${able.join(", ") || "no"} sites`);
    });
  }

  for (const name of taskNames) {
    it(`head ${name}: a new one has every key of its defaults`, () => {
      const defaults = taskOf(name).defaults;
      const head = createHead(name, ("labels" in defaults ? { labels: ["a", "b"] } : {}) as never);
      assert.deepEqual(Object.keys(head.config).sort(), Object.keys(defaults).sort());
    });
  }

  it("every rule file gives rules of operators that have a gradient case", async () => {
    const rules = await entriesOf("autodiff/rules");
    assert.deepEqual(Object.keys(rules).sort(), differentiableOperators());
    const cases = readFileSync("test/autodiff/cases.ts", "utf8") + readFileSync("test/fixtures/ops.json", "utf8");
    for (const operator of differentiableOperators()) assert.match(cases, new RegExp(`\\b${operator}\\b`), `${operator} has no case in test/autodiff/cases.ts`);
  });

  it("canonicalise runs every pass of the folder", async () => {
    const passes = Object.values(await entriesOf("onnx/passes")) as (typeof canonicalOrder)[number][];
    assert.deepEqual([...new Set(canonicalOrder)].map(({ name }) => name).sort(), passes.map(({ name }) => name).sort());
  });

  it("every registry folder has a test that asks each entry for its case", () => {
    const loops: Readonly<Record<string, readonly [string, string]>> = {
      "computation/methods": ["computation/methods", "Object.keys(promises).sort(), methodNames().sort()"], "heads/tasks": ["heads/tasks", "for (const task of taskNames)"],
      "figures/plots": ["figures/figures", "Object.keys(cases).sort(), Object.keys(plots).sort()"], "evaluation/metrics": ["evaluation/metrics", "of metricNames()"],
      "data/datasets": ["data/datasets", "of datasets.values()"], "onnx/passes": ["onnx/passes", "Object.keys(cases).sort(), Object.keys(registry).sort()"],
      "cli/commands": ["cli/cli", "of commandTable"],
    };
    for (const [folder, [file, loop]] of Object.entries(loops)) assert.ok(readFileSync(`test/${file}.test.ts`, "utf8").includes(loop), `test/${file}.test.ts no longer goes through ${folder}`);
    const laws = readFileSync("test/composition/laws.test.ts", "utf8");
    for (const name of blockNames) assert.match(laws, new RegExp(`\\b${name}\\(`), `test/composition/laws.test.ts has no law of ${name}`);
  });
});

describe("an unknown name is answered with the known ones", () => {
  const asked: Readonly<Record<string, [() => unknown, RegExp]>> = {
    method: [() => methodOf("botleneck"), /unknown adapter method "botleneck"; known: bottleneck, lora — did you mean "bottleneck"\?/],
    block: [() => blockOf("stak"), /unknown block "stak"; known: .* did you mean "stack"\?/],
    router: [() => routerOf("al"), /unknown router "al"; known: .* did you mean "all"\?/],
    aggregator: [() => aggregatorOf("atention"), /unknown aggregator "atention"; known: .* did you mean "attention"\?/],
    head: [() => taskOf("taging"), /unknown head task "taging"; known: .* did you mean "tagging"\?/],
    metric: [() => metricOf("acuracy"), /unknown metric "acuracy"; known: .* did you mean "accuracy"\?/],
    "data set": [() => findDataset("wikian"), /unknown data set "wikian"; known: .* did you mean "wikiann"\?/],
    family: [() => readConfig({ model_type: "brt" }, "c"), /unknown model_type "brt"; known: .* did you mean "bert"\?/],
    command: [() => findCommand(["evaluat"]), /unknown command "evaluat"; known: .* did you mean "evaluate"\?/],
  };
  for (const [what, [ask, message]] of Object.entries(asked)) {
    it(what, () => {
      assert.throws(ask, (error: unknown) => error instanceof ModlinguaError && message.test(error.message) || assert.fail(String(error)));
    });
  }

  it("also where the name is one that every object has", () => {
    for (const ask of [methodOf, blockOf, routerOf, aggregatorOf, taskOf, metricOf]) assert.throws(() => ask("constructor"), /unknown .* "constructor"/);
  });
});
