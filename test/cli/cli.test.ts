import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, after, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { commandHelp, commandTable } from "#src/cli/index.js";
import { createAdapter } from "#src/computation/index.js";
import { saveModule } from "#src/hub/index.js";
import { assemble } from "#src/model/index.js";
import { openTiny, tinyFolder } from "../training/tiny.js";
import { tinyFeeds } from "../model/batch.js";
import { type Ended, modlingua } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "modlingua-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing on standard output, one line that begins with the program's name on standard error, and no trace of where it came from. */
function refused({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 1, `more than one line: ${stderr}`);
  assert.match(lines[0]!, /^modlingua: /);
  assert.match(lines[0]!, message);
  assert.doesNotMatch(stderr, /\bat .*\.js:\d+/);
}

function done({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("help and usage", () => {
  it("the help lists every command of the registry", async () => {
    const help = done(await modlingua(["--help"]));
    for (const [name, { about }] of commandTable) assert.ok(help.includes(name) && help.includes(about), name);
    assert.match(help, /Exit codes: 0 done, 1 refused/);
  });

  for (const [name, { options, arguments: values, example }] of commandTable) {
    it(`the help of ${name} explains every option, and its example is of this command`, () => {
      const help = commandHelp(name, commandTable.get(name)!);
      for (const { about } of [...Object.values(options), ...values]) assert.ok(help.includes(about), about);
      assert.match(help, /--json/);
      assert.ok(example.startsWith(`modlingua ${name}`));
    });
  }

  it("--help after a command prints its help, whatever else is missing", async () => {
    assert.equal(done(await modlingua(["notebook", "run", "--help"])).trimEnd(), commandHelp("notebook run", commandTable.get("notebook run")!));
  });

  it("without a command the help comes with exit code 2", async () => {
    const { code, stdout } = await modlingua([]);
    assert.deepEqual([code, stdout.startsWith("modlingua:")], [2, true]);
  });

  it("--version prints that of the package", async () => {
    assert.equal(done(await modlingua(["--version"])).trim(), (JSON.parse(readFileSync("package.json", "utf8")) as { version: string }).version);
  });

  const usage: [string[], RegExp][] = [
    [["tran"], /unknown command "tran"; known: .*train — did you mean "train"\?/],
    [["notebook"], /unknown command "notebook"; known: notebook html, notebook install, notebook lint, notebook run, notebook strip/],
    [["notebook", "rum", "x"], /did you mean "notebook run"\?/],
    [["inspect"], /inspect needs PATH/],
    [["inspect", "a", "b"], /inspect takes PATH, but got "b" too/],
    [["sites", "e5-small", "--leyer", "1"], /unknown option of sites "--leyer"; known: --help, --json, --layer — did you mean "--layer"\?/],
    [["sites", "e5-small", "--layer"], /--layer needs a value — write --layer N/],
    [["sites", "e5-small", "--layer", "one"], /--layer must be a whole number, got "one"/],
    [["sites", "e5-small", "--json=yes"], /--json is a switch and takes no value/],
    [["sites", "e5-small", "--layer", "1", "--layer", "2"], /--layer is given 2 times/],
    [["train", "--dataset", "townhall", "--language", "en", "--adapter", "a"], /--out is missing: folder for adapter/],
    [["train", "--dataset", "townhal", "--language", "en", "--adapter", "a", "--out", "x"], /unknown value of --dataset "townhal".* did you mean "townhall"\?/],
    [["predict", "--adapter", "x"], /there is no text to predict/],
    [["notebook", "run", "x.ipynb", "--html", "y"], /--html needs a folder/],
    [["notebook", "run", "x.ipynb", "-p", "seeds"], /a parameter is KEY=VALUE, got "seeds"/],
  ];
  for (const [args, message] of usage) it(`modlingua ${args.join(" ")}: exit code 2`, async () => refused(await modlingua(args), 2, message));
});

describe("inspect", () => {
  const json = async (path: string): Promise<Record<string, unknown>> => JSON.parse(done(await modlingua(["inspect", path, "--json"]))) as Record<string, unknown>;

  it("an ONNX encoder: what goes in and out, operators, parameters, sites", async () => {
    const facts = await json("test/fixtures/backbones/bert-opset17/model.onnx");
    assert.deepEqual([facts["kind"], facts["opsets"], (facts["encoder"] as { sites: string[] }).sites.length], ["onnx", { onnx: 17 }, 25]);
    assert.deepEqual((facts["inputs"] as { name: string }[]).map(({ name }) => name), ["input_ids", "attention_mask", "token_type_ids"]);
    assert.equal((facts["operators"] as Record<string, number>)["Softmax"], 3);
    const text = done(await modlingua(["inspect", "test/fixtures/backbones/bert-opset17"]));
    assert.match(text, /3 layers × 24, vocabulary 120, 25 sites/);
  });

  it("an ONNX model without config.json beside", async () => {
    const facts = await json(file("alone.onnx", readFileSync("test/fixtures/backbones/bert-opset17/model.onnx")));
    assert.equal(facts["encoder"], null);
  });

  it("a module of this library: configuration, base, parameters, card; a broken one is refused", async (t: TestContext) => {
    const path = await savedAdapter(t, "sw");
    const facts = await json(path);
    assert.deepEqual([facts["kind"], facts["name"], facts["parameters"], (facts["base"] as { hidden: number }).hidden], ["adapter", "sw", 3 * (2 * 24 * 12 + 12 + 24), 24]);
    const bytes = readFileSync(path);
    bytes[bytes.length - 3]! ^= 1;
    refused(await modlingua(["inspect", file("bent.safetensors", bytes)]), 1, /bent\.safetensors: the tensors are not the ones that were saved \(checksum differs\)/);
    refused(await modlingua(["inspect", file("cut.safetensors", bytes.subarray(0, 200))]), 1, /cut\.safetensors/);
  });

  it("any other safetensors file", async () => {
    const facts = await json("test/fixtures/gradients/bert.safetensors");
    assert.equal(facts["kind"], "safetensors");
    assert.ok((facts["tensors"] as { name: string }[]).some(({ name }) => name === "head.weight"));
  });

  it("data files, gzipped or not", async () => {
    const conllu = "# sent_id = 1\n1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\n1\tzu\tzu\tADP\t_\t_\t2\tcase\t_\t_\n2\tHaus\tHaus\tNOUN\t_\t_\t0\troot\t_\t_\n\n";
    assert.deepEqual(await json(file("a.conllu", conllu)), { file: join(folder, "a.conllu"), kind: "CoNLL-U", sentences: 1, words: 2, multiwords: 1, emptyNodes: 0, tags: { ADP: 1, NOUN: 1 } });
    assert.equal((await json(file("a.conllu.gz", gzipSync(conllu))))["words"], 2);
    assert.deepEqual((await json(file("a.conll", "Anna B-PER\nruft O\n\nOslo B-LOC\n")))["tags"], { "B-PER": 1, O: 1, "B-LOC": 1 });
    assert.deepEqual((await json(file("a.tsv", "id\ttext\n1\tja\n2\t\n")))["columns"], { id: 2, text: 1 });
    assert.deepEqual((await json(file("a.csv", 'id,text\n1,"a, b"\n')))["columns"], { id: 1, text: 1 });
    assert.deepEqual((await json(file("a.jsonl", '{"text":"a"}\n{"text":"b","label":1}\n')))["keys"], { text: 2, label: 1 });
  });

  it("a notebook", async () => {
    const facts = await json(file("a.ipynb", notebook([["const a = 1;", ["parameters"]], ["a;", []]])));
    assert.deepEqual([facts["kind"], facts["cells"], facts["code"], facts["parameterCells"], facts["kernel"]], ["notebook", 2, 2, 1, "tslab"]);
  });

  const onnx = readFileSync("test/fixtures/backbones/bert-opset17/model.onnx");
  const broken: [string, string | Uint8Array, RegExp][] = [
    ["truncated.onnx", onnx.subarray(0, 5000), /truncated\.onnx/],
    ["page.onnx", "<!doctype html><title>404</title>", /page\.onnx, byte 0: is an HTML or XML page, expected/],
    ["empty.onnx", "", /empty\.onnx, byte 0: is empty/],
    ["bad.conllu", "1\tzu\tzu\tADP\n", /bad\.conllu, line 1: /],
    ["bad.conll", "Anna B-PER\nruft\n", /bad\.conll, line 2: /],
    ["bad.tsv", "id\ttext\n1\n", /bad\.tsv, line 2: /],
    ["bad.jsonl", "{}\n{\n", /bad\.jsonl, line 2: is not JSON/],
    ["bad.ipynb", "{}", /bad\.ipynb, nbformat: nbformat is undefined, expected 4/],
    ["bad.conllu.gz", "no gzip", /bad\.conllu\.gz/],
    ["picture.png", "x", /picture\.png: is of no kind that is known here \(\.onnx, /],
  ];
  for (const [name, content, message] of broken) it(`${name} is refused in one line`, async () => refused(await modlingua(["inspect", file(name, content)]), 1, message));

  it("a file that is not there, and a folder without a model", async () => {
    refused(await modlingua(["inspect", join(folder, "nothing.onnx")]), 1, /nothing\.onnx: there is no such file — check the path/);
    refused(await modlingua(["inspect", "docs"]), 1, /docs: is a folder without onnx\/model\.onnx/);
  });
});

describe("sites", () => {
  it("lists the places of an encoder, or of one layer", async () => {
    const all = JSON.parse(done(await modlingua(["sites", "test/fixtures/backbones/bert-opset17", "--json"]))) as { sites: { name: string }[] };
    assert.equal(all.sites.length, 25);
    const text = done(await modlingua(["sites", "test/fixtures/backbones/bert-opset17", "--layer", "2"]));
    assert.match(text, /residual  2      ffnOutput        24       /);
    assert.doesNotMatch(text, /embedding /);
  });

  it("refuses what is no encoder", async () => {
    refused(await modlingua(["sites", "e5-smal"]), 1, /no backbone "e5-smal": it is neither an embedded one \(e5-small\) nor a folder/);
    refused(await modlingua(["sites", "docs"]), 1, /docs: has no onnx\/model\.onnx/);
  });

  it("shows where an unexpected error came from only when asked", async () => {
    const { code, stderr } = await modlingua(["sites", "e5-smal"], { env: { MODLINGUA_DEBUG: "1" } });
    assert.equal(code, 1);
    assert.match(stderr, /\bat .*\.js:\d+/);
  });
});

describe("train, evaluate, predict", () => {
  const trainArgs = (backbone: string, out: string, ...more: string[]): string[] => ["train", "--backbone", backbone, "--dataset", "townhall", "--language", "en", "--adapter", "ner", "--limit", "32", "--set", "reductionFactor=4", "--max-length", "38", "--out", out, ...more];

  it("an adapter over a language adapter goes through all three, and its files say what they are", async (t: TestContext) => {
    const [backbone, out, language] = [tinyFolder(t), join(folder, "ner"), await savedAdapter(t, "en")];
    const { code, stdout, stderr } = await modlingua(trainArgs(backbone, out, "--language-adapter", language, "--steps", "4", "--json"));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /train ner .* 4\/4 steps/);
    const trained = JSON.parse(stdout) as { report: { steps: number; stopped: string }; files: Record<string, string> };
    assert.deepEqual([trained.report.steps, trained.report.stopped], [4, "done"]);
    for (const path of Object.values(trained.files)) assert.ok(existsSync(path), path);

    const evaluated = await modlingua(["evaluate", "--adapter", out, "--language", "tr", "--limit", "16", "--json"]);
    const score = JSON.parse(done(evaluated)) as Record<string, unknown>;
    assert.match(evaluated.stderr, /the language adapter .* is that of training \(eng\); give the one of tr with --language-adapter/);
    assert.deepEqual([score["source"], score["target"], score["metric"], score["n"], score["composition"]], ["eng", "tur", "spanF1", 16, "stack(en, ner)"]);
    assert.ok(Number(score["score"]) >= 0 && Number(score["score"]) <= 1);
    const bare = JSON.parse(done(await modlingua(["evaluate", "--adapter", out, "--language", "Turkish", "--limit", "16", "--language-adapter", "none", "--metric", "accuracy", "--json"]))) as Record<string, unknown>;
    assert.deepEqual([bare["composition"], bare["languageAdapter"], bare["metric"]], ["ner", null, "accuracy"]);

    const predicted = JSON.parse(done(await modlingua(["predict", "--adapter", out, "--text", "ba be", "--file", "-", "--json"], { input: "ke\n\nki ko\n" }))) as { text: string; words: unknown[] }[];
    assert.deepEqual(predicted.map(({ text, words }) => [text, words.length]), [["ba be", 2], ["ke", 1], ["ki ko", 2]]);
    assert.match(done(await modlingua(["predict", "--adapter", out, "--text", "ba be"])), /^ba be\n  /);
    assert.match(done(await modlingua(["inspect", trained.files["head"]!])), /task +tagging/);
  });

  it("classification says one label a text", async (t: TestContext) => {
    const out = join(folder, "intent");
    done(await modlingua(trainArgs(tinyFolder(t), out, "--task", "classification", "--steps", "2", "--method", "lora", "--set", "rank=2").filter((arg, i, all) => arg !== "reductionFactor=4" && !(arg === "--set" && all[i + 1] === "reductionFactor=4"))));
    assert.match(done(await modlingua(["predict", "--adapter", out, "--text", "ba be"])), /^(weather|transport|opening_hours|event|health|lost_property|food|repair)\t\d+\.\d %\tba be\n$/);
    assert.match(done(await modlingua(["evaluate", "--adapter", out, "--language", "zh", "--limit", "16"])), /accuracy +\d/);
  });

  it("Ctrl-C leaves a whole checkpoint, and --resume ends with the bytes of a run that was never stopped", async (t: TestContext) => {
    const backbone = tinyFolder(t);
    const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
    done(await modlingua(trainArgs(backbone, whole, "--steps", "60")));
    const stopped = await modlingua(trainArgs(backbone, broken, "--steps", "60"), { watch: (stderr, interrupt) => void (/ [1-9]\d?\/60 steps/.test(stderr) && !stderr.includes("stopping") && interrupt()) });
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /modlingua: training was interrupted after \d+ steps — the checkpoint is whole: the same command with --resume goes on/);
    assert.ok(existsSync(join(broken, "checkpoint", "checkpoint.json")));
    assert.ok(!existsSync(join(broken, "ner.safetensors")), "nothing half-trained is left as an adapter");
    done(await modlingua(trainArgs(backbone, broken, "--steps", "60", "--resume")));
    for (const name of ["ner.safetensors", "ner-head.safetensors"]) assert.deepEqual(tensorsOf(join(broken, name)), tensorsOf(join(whole, name)));
  });

  it("what cannot be trained or scored is refused", async (t: TestContext) => {
    const backbone = tinyFolder(t);
    const out = join(folder, "refused");
    refused(await modlingua(trainArgs(backbone, out, "--set", "reductionFaktor=2")), 1, /unknown key of the method bottleneck "reductionFaktor"/);
    refused(await modlingua(trainArgs(backbone, out, "--set", "reductionFactor")), 2, /--set needs KEY=VALUE/);
    refused(await modlingua(trainArgs(backbone, out, "--preset", "pfeifer")), 1, /did you mean "pfeiffer"\?/);
    refused(await modlingua(trainArgs(backbone, out, "--language-adapter", "e5-small/xx")), 1, /no module file "e5-small\/xx"/);
    refused(await modlingua(trainArgs(backbone, out).map((arg) => (arg === "en" ? "Klingon" : arg))), 1, /townhall has no files for "Klingon"; it has ar, de, en/);
    refused(await modlingua(trainArgs(backbone, out).map((arg) => (arg === "en" ? "ar" : arg))), 1, /townhall has no train split for ar; it has test/);
    refused(await modlingua(["evaluate", "--adapter", join(folder, "nowhere"), "--language", "tr"]), 1, /model\.json: is not there, so this folder holds no trained model/);
    assert.ok(!existsSync(out), "nothing is left behind");
  });
});

describe("notebook", () => {
  it("lint says cell and line and ends with 1; a clean one with 0", async () => {
    const good = file("good.ipynb", notebook([["const a = 1;", []]]));
    assert.match(done(await modlingua(["notebook", "lint", good])), /nothing to mend/);
    const used = file("used.ipynb", notebook([["const a = 1;", []]], [{ output_type: "stream", name: "stdout", text: "1\n" }]));
    const { code, stdout } = await modlingua(["notebook", "lint", used]);
    assert.equal(code, 1);
    assert.match(stdout, /used\.ipynb: cell 1: the cell holds 1 outputs: strip the notebook/);
  });

  it("strip takes outputs out once and then changes nothing; --check only looks", async () => {
    const path = file("strip.ipynb", notebook([["1", []]], [{ output_type: "stream", name: "stdout", text: "1\n" }]));
    assert.equal((await modlingua(["notebook", "strip", path, "--check"])).code, 1);
    assert.match(done(await modlingua(["notebook", "strip", path])), /stripped/);
    assert.match(done(await modlingua(["notebook", "strip", path, "--check"])), /already clean/);
    assert.doesNotMatch(readFileSync(path, "utf8"), /stdout/);
  });

  it("run executes with parameters, tells cells and output, and writes notebook and page", async () => {
    const path = file("run.ipynb", notebook([["const n = 1;", ["parameters"]], ["console.log('n is', n, 'files go to', process.env['MODLINGUA_OUT']);", []]]));
    const out = join(folder, "executed");
    const { code, stdout, stderr } = await modlingua(["notebook", "run", path, "--out", out, "--html", "page.html", "-p", "n=7"]);
    assert.equal(code, 0, stderr);
    assert.ok(stderr.includes(`n is 7 files go to ${out}`), stderr);
    assert.match(stderr, /cell 3 of 3: done/);
    assert.match(stdout, /every cell ran/);
    assert.match(readFileSync(join(out, "page.html"), "utf8"), /n is 7/);
    assert.match(done(await modlingua(["notebook", "html", join(out, "run.ipynb"), "--out", join(out, "again.html")])), /again\.html/);
  });

  it("run ends with 1 and the failing cell where one fails, and refuses parameters that do not exist", async () => {
    const path = file("fails.ipynb", notebook([["const n = 1;", ["parameters"]], ["throw new Error('no');", []], ["console.log('after');", []]]));
    const { code, stdout, stderr } = await modlingua(["notebook", "run", path]);
    assert.equal(code, 1);
    assert.match(stdout, /error in cell 2: Error: no/);
    assert.doesNotMatch(stderr, /after/);
    refused(await modlingua(["notebook", "run", path, "-p", "m=1"]), 2, /the notebook has no parameter "m"; it has: n/);
  });

  it("install writes the kernel's description where it is told", async () => {
    const prefix = join(folder, "jupyter");
    const { file: written } = JSON.parse(done(await modlingua(["notebook", "install", "--prefix", prefix, "--json"]))) as { file: string };
    assert.equal((JSON.parse(readFileSync(written, "utf8")) as { language: string }).language, "typescript");
  });
});

/** An adapter for the tiny encoder, saved as a file. */
async function savedAdapter(t: TestContext, name: string): Promise<string> {
  const backbone = openTiny(tinyFolder(t));
  const adapter = createAdapter(name, { method: "bottleneck", reductionFactor: 2 });
  const model = assemble(backbone, { adapters: [adapter], composition: adapter });
  await model.predict(tinyFeeds(backbone));
  await model.close();
  return saveModule(adapter, folder);
}

/** A safetensors file without its header, which holds the card. */
function tensorsOf(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}

function notebook(cells: readonly (readonly [string, readonly string[]])[], outputs: readonly object[] = []): string {
  return JSON.stringify({
    nbformat: 4, nbformat_minor: 5,
    metadata: { kernelspec: { display_name: "TypeScript", language: "typescript", name: "tslab" }, language_info: { file_extension: ".ts", mimetype: "text/typescript", name: "typescript" } },
    cells: cells.map(([source, tags], index) => ({ cell_type: "code", id: `cell-${index}`, metadata: tags.length === 0 ? {} : { tags }, source, execution_count: null, outputs })),
  });
}
