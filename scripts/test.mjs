// Runs the compiled tests with Node's own runner: `node scripts/test.mjs [name part …]` picks files whose path contains one of the parts.
import { readdirSync } from "node:fs";
import { spawnSync } from "node:child_process";

const wanted = process.argv.slice(2);
const files = readdirSync("build/test", { recursive: true })
  .filter((file) => file.endsWith(".test.js"))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => `build/test/${file}`)
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(", ")}`);
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...files], { stdio: "inherit" });
process.exit(status ?? 1);
