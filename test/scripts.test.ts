import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import { loadAdapter, loadHead } from "#src/hub/index.js";

const text = "../shared/data/text";

test("the script that makes the embedded modules makes some", { skip: existsSync(text) ? false : "needs ../shared/data/text" }, () => {
  const out = "build/tmp/language-adapters";
  rmSync(out, { recursive: true, force: true });
  execFileSync(process.execPath, ["scripts/language-adapters.mjs", text, "fao", "--head-steps", "1", "--steps", "1", "--out", out, "--cache", `${out}/cache`], { stdio: "pipe" });
  const [embedded, made] = ["e5-small/fo", `${out}/adapters/fo.safetensors`].map(loadAdapter);
  assert.deepEqual(made!.config, embedded!.config);
  assert.deepEqual(made!.base, embedded!.base);
  assert.deepEqual(made!.parameters.names.sort(), embedded!.parameters.names.sort());
  assert.deepEqual(loadHead(`${out}/heads/mlm.safetensors`, "maskedLm").config, loadHead("e5-small/mlm", "maskedLm").config);
  assert.match(readFileSync(`${out}/adapters/README.md`, "utf8"), /^\| fo \| 484,896 \|/m);
});
