// Writes index.ts of every registry folder from its listing; with --check only compares, and fails where a folder and its index disagree.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const registries = [
  "src/autodiff/rules", "src/backbone/kinds", "src/backbone/families", "src/computation/methods", "src/routing/routers",
  "src/aggregation/aggregators", "src/composition/blocks", "src/heads/tasks", "src/data/datasets", "src/onnx/passes",
  "src/evaluation/metrics", "src/figures/plots", "src/cli/commands",
];
const check = process.argv.includes("--check");
let stale = 0;
for (const folder of registries.filter(existsSync)) {
  const entries = readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== "index.ts").sort();
  const text = `// Written by \`npm run indexes\`: the folder is the registry.\n${entries.map((file) => `export * from "./${file.replace(/\.ts$/, ".js")}";\n`).join("")}`;
  const path = join(folder, "index.ts");
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  if (check) {
    console.error(`${path} is out of date: run npm run indexes`);
    stale++;
  } else writeFileSync(path, text);
}
process.exit(stale === 0 ? 0 : 1);
