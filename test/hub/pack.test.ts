import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { ModlinguaError } from "#src/base/index.js";
import { cacheRoot, expandPack, resolveBackboneFolder } from "#src/hub/index.js";

const embedded = join(process.cwd(), "models", "e5-small");
const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
const refusal = (pattern: RegExp, kind = "backbone") => (error: unknown): boolean => {
  assert.ok(error instanceof ModlinguaError, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};

describe("expandPack", () => {
  let folder: string;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "modlingua-pack-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const promised = (JSON.parse(readFileSync(join(embedded, "pack.json"), "utf8")) as { models: Record<string, { bytes: number; sha256: string }> }).models;

  it("writes the model the pack promises, with tokenizer and configs, and nothing else", async () => {
    const target = join(folder, "whole");
    const steps: number[] = [];
    const file = await expandPack(embedded, target, { onProgress: ({ done }) => void steps.push(done) });
    assert.equal(sha256(file), promised["opset17"]!.sha256);
    assert.equal(steps.at(-1), promised["opset17"]!.bytes);
    assert.deepEqual(readdirSync(target).sort(), ["config.json", "onnx", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]);
    assert.equal((JSON.parse(readFileSync(join(target, "tokenizer.json"), "utf8")) as { model: { vocab: unknown[] } }).model.vocab.length, 128_000);
    assert.deepEqual(readdirSync(folder), ["whole"]);
  });

  it("adds the int8 model to the same folder, and leaves what is there alone", async () => {
    const target = join(folder, "whole");
    const file = await expandPack(embedded, target, { model: "q8" });
    assert.equal(sha256(file), promised["q8"]!.sha256);
    const before = statSync(join(target, "onnx/model.onnx")).mtimeMs;
    await expandPack(embedded, target);
    assert.equal(statSync(join(target, "onnx/model.onnx")).mtimeMs, before);
  });

  it("is safe against two processes at once", async () => {
    const target = join(folder, "race");
    const script = `import { expandPack } from ${JSON.stringify(join(process.cwd(), "dist/hub/index.js"))}; console.log(await expandPack(${JSON.stringify(embedded)}, ${JSON.stringify(target)}, { model: "q8" }))`;
    const runs = await Promise.all([1, 2].map(() => promisify(execFile)(process.execPath, ["--input-type=module", "-e", script])));
    for (const { stdout } of runs) assert.equal(stdout.trim(), join(target, "onnx/model_q8.onnx"));
    assert.equal(sha256(join(target, "onnx/model_q8.onnx")), promised["q8"]!.sha256);
    assert.deepEqual(readdirSync(folder).filter((name) => name.includes(".part-")), []);
  });

  it("leaves nothing behind when it is interrupted, and clears what a killed process left", async () => {
    const target = join(folder, "stopped");
    mkdirSync(`${target}.part-1-dead`);
    utimesSync(`${target}.part-1-dead`, 0, 0);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    await assert.rejects(expandPack(embedded, target, { signal: controller.signal, onProgress }), refusal(/expanding e5-small was interrupted/, "aborted"));
    assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith("stopped")), []);
  });

  it("refuses a damaged pack, another format, an unknown model, a folder that is no pack", async () => {
    const damaged = join(folder, "damaged");
    cpSync(embedded, damaged, { recursive: true });
    const weights = readFileSync(join(damaged, "weights-3.safetensors"));
    const pack = readFileSync(join(damaged, "pack.json"), "utf8");
    const target = join(folder, "never");
    writeFileSync(join(damaged, "weights-3.safetensors"), weights.subarray(0, 100_000));
    await assert.rejects(expandPack(damaged, target), refusal(/weights-3\.safetensors.*truncated/, "format"));
    writeFileSync(join(damaged, "weights-3.safetensors"), weights);
    writeFileSync(join(damaged, "pack.json"), pack.replace(promised["q8"]!.sha256, "0".repeat(64)));
    await assert.rejects(expandPack(damaged, target, { model: "q8" }), refusal(/another sha256 than the 72285592 bytes it promises/));
    writeFileSync(join(damaged, "pack.json"), pack.replace("e5pack-1", "e5pack-9"));
    await assert.rejects(expandPack(damaged, target), refusal(/pack\.json: format "e5pack-9"/));
    writeFileSync(join(damaged, "pack.json"), "<html>");
    await assert.rejects(expandPack(damaged, target), refusal(/pack\.json: is not JSON/));
    await assert.rejects(expandPack(embedded, target, { model: "opset18" }), refusal(/unknown model .*"opset18"; known: opset17, q8 — did you mean "opset17"/));
    await assert.rejects(expandPack(folder, target), refusal(/pack\.json: is not there/));
    assert.ok(!existsSync(target));
  });
});

describe("resolveBackboneFolder", () => {
  let folder: string;
  const saved = process.env["MODLINGUA_CACHE"];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "modlingua-resolve-"));
    process.env["MODLINGUA_CACHE"] = join(folder, "cache");
  });
  after(() => {
    if (saved === undefined) delete process.env["MODLINGUA_CACHE"];
    else process.env["MODLINGUA_CACHE"] = saved;
    rmSync(folder, { recursive: true, force: true });
  });

  it("expands the embedded pack into the cache once, and a pack folder like it", async () => {
    const found = await resolveBackboneFolder("e5-small", { model: "q8" });
    assert.ok(found.folder.startsWith(join(folder, "cache", "backbones", "e5-small-")));
    assert.equal(found.modelFile, join(found.folder, "onnx/model_q8.onnx"));
    assert.equal(found.origin, "embedded pack e5-small");
    assert.deepEqual(await resolveBackboneFolder("e5-small", { model: "q8" }), found);
    assert.match((await resolveBackboneFolder("models/e5-small", { model: "q8" })).modelFile, /model_q8\.onnx$/);
  });

  it("opens a folder with an ONNX file as it is", async () => {
    mkdirSync(join(folder, "mine"));
    writeFileSync(join(folder, "mine", "model.onnx"), "x");
    const found = await resolveBackboneFolder(join(folder, "mine"));
    assert.deepEqual([found.folder, found.modelFile], [join(folder, "mine"), join(folder, "mine", "model.onnx")]);
  });

  it("says what exists where nothing fits", async () => {
    mkdirSync(join(folder, "empty"));
    await assert.rejects(resolveBackboneFolder(join(folder, "empty")), refusal(/has no onnx\/model\.onnx, no model\.onnx and no pack\.json; it holds nothing/));
    await assert.rejects(resolveBackboneFolder("e5-smal"), refusal(/no backbone "e5-smal".*\(e5-small\) nor a folder/));
    process.env["MODLINGUA_OFFLINE"] = "1";
    try {
      await assert.rejects(resolveBackboneFolder("org/absent"), refusal(/MODLINGUA_OFFLINE or HF_HUB_OFFLINE forbids/, "download"));
    } finally {
      delete process.env["MODLINGUA_OFFLINE"];
    }
  });

  it("keeps its cache where the environment says", () => {
    assert.equal(cacheRoot({ MODLINGUA_CACHE: "/a" }), "/a");
    assert.equal(cacheRoot({ XDG_CACHE_HOME: "/b" }), join("/b", "modlingua"));
    assert.match(cacheRoot({}), /\.cache.modlingua$/);
  });
});
