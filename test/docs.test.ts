import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { it } from "node:test";

const pages = ["docs/architecture.md", "docs/reference.md", "CONTRIBUTING.md", ...(existsSync("README.md") ? ["README.md"] : [])];

it("the reference and the table of rooms are what the code says", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/reference.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

for (const page of pages) {
  const text = readFileSync(page, "utf8");

  it(`${page} names only files that exist`, () => {
    for (const [, path] of text.matchAll(/`((?:src|test|scripts|docs|datasets|models|notebooks|bench)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(path!) || /ia3/.test(path!), `${path} is not there`);
    }
    for (const [, path] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) assert.ok(existsSync(path!) || existsSync(`docs/${path}`), `the link to ${path} leads nowhere`);
  });

  it(`${page} quotes code as it is`, () => {
    for (const [, path, code] of text.matchAll(/```ts\n\/\/ (src\/\S+)\n([\s\S]*?)```/g)) assert.ok(readFileSync(path!, "utf8").includes(code!.trimEnd()), `${path} no longer reads so:\n${code}`);
  });
}
