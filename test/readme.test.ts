import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

const readme = readFileSync("README.md", "utf8");
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string>; engines: { node: string } };

/** Contents of the fenced blocks of a language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1]!);
}

function run(args: readonly string[]): string {
  return execFileSync(process.execPath, [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Words of a shell line; double quotes hold words together. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

test("the README opens with the two commands, and every npm script it names exists", () => {
  assert.match(readme.slice(0, 1200), /^ {4}npm ci && npm run quickstart\b.*\n {4}npm ci && npm test\b/m);
  const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!);
  assert.ok(named.length >= 3);
  for (const name of named) assert.ok(name in manifest.scripts, `npm run ${name}`);
});

test("every link of the README leads to a file", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1]!);
  assert.ok(links.length >= 8);
  for (const link of links) assert.ok(existsSync(link), link);
});

test("the README's shell commands do what they say", () => {
  const lines = blocks("sh").flatMap((block) => block.trim().split("\n"));
  assert.ok(lines.length >= 5 && lines.every((line) => line.startsWith("npx modlingua ")), lines.join("\n"));
  const outputs = lines.map((line) => run(["dist/cli/main.js", ...words(line.replace("npx modlingua ", ""))]));
  assert.ok(outputs.every((output) => output.trim() !== ""), outputs.join("---"));
  assert.match(outputs.at(-1)!, /bottleneck/);
});

test("the README's script runs as it stands and prints a score", () => {
  mkdirSync("build/tmp", { recursive: true });
  const [script] = blocks("ts");
  writeFileSync("build/tmp/readme.mjs", `${script!}process.exit(0);\n`);
  const score = /label: ([0-9.]+)/.exec(run(["build/tmp/readme.mjs"]))?.[1];
  assert.ok(Number(score) > 0.25, `Turkish at ${score}: not above twice chance (0.125)`);
});
