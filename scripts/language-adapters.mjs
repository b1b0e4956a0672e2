// Makes the embedded modules again: node scripts/language-adapters.mjs TEXT_FOLDER [language …] [--steps N] [--head-steps N] [--out DIR] [--cache DIR]
// TEXT_FOLDER holds <iso 639-3>/train.txt.gz and valid.txt.gz, one sentence or paragraph a line. First the masked-LM head is trained
// jointly over all languages with the encoder frozen, then one language adapter (bottleneck and invertible part) per language
// with encoder and head frozen. Interrupt it at will: checkpoints are kept in the cache folder (.cache/language-adapters) and resumed.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assemble, createAdapter, createHead, loadBackbone, loadHead, loadTokenizer, maskedFeeds, randomStream, runTraining, saveModule, streamText } from "modlingua";

const codes = { eng: "en", tur: "tr", zho: "zh", yor: "yo", mlt: "mt", fao: "fo", hau: "ha", swa: "sw", eus: "eu", est: "et", tam: "ta", hun: "hu", hin: "hi", ind: "id", vie: "vi", deu: "de", ara: "ar", jpn: "ja" };
const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  steps: { type: "string", default: "200" }, "head-steps": { type: "string", default: "500" }, out: { type: "string", default: "models/e5-small" }, rate: { type: "string", default: "0.001" }, cache: { type: "string", default: ".cache/language-adapters" },
} });
const [textFolder, ...wanted] = positionals;
if (textFolder === undefined) {
  console.error("usage: node scripts/language-adapters.mjs TEXT_FOLDER [language …]");
  process.exit(2);
}
const languages = wanted.length > 0 ? wanted : Object.keys(codes);
const seed = 1;
/** Hours of work beside other work: idle threads give their cores away. */
const session = { spinning: false };
/** Pieces a sequence and sequences a step: of the head, whose forward pass alone costs, and of an adapter. */
const headShape = { maxLength: 96, batchSequences: 10 };
const adapterShape = { maxLength: 64, batchSequences: 8 };
const cache = values.cache;
const backbone = await loadBackbone("e5-small");
const tokenizer = await loadTokenizer(backbone.folder);
const log = (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

/** Small files are stored as they are, larger ones gzipped. */
function textFile(language, split) {
  const plain = join(textFolder, language, `${split}.txt`);
  return existsSync(plain) ? plain : `${plain}.gz`;
}

/** All sequences of a text file: small enough here (at most 1 MB) to be held. */
async function sequencesOf(language, split, { maxLength }) {
  const out = [];
  for await (const { encoded } of streamText(textFile(language, split), { tokenizer, maxLength, shuffleBuffer: 0 })) out.push(encoded);
  return out;
}

/** Batches of one language after the other in random order; everything follows from seed and step. */
function source(texts, name, { batchSequences }) {
  let step = 0;
  return {
    stepsPerEpoch: undefined,
    async next() {
      const random = randomStream(seed, name, "batch", step++);
      const { sequences, candidates } = texts[random.integer(texts.length)];
      const chosen = Array.from({ length: batchSequences }, () => sequences[random.integer(sequences.length)]);
      return [maskedFeeds(chosen, tokenizer, random, {}, candidates)];
    },
    position: () => step,
    restore: (position) => void (step = position),
  };
}

/** Mean loss on held-out text, always masked in the same way. */
function evaluator(program, texts, { batchSequences }) {
  return async () => {
    let loss = 0;
    let count = 0;
    for (const [index, { sequences, candidates }] of texts.entries()) {
      for (let at = 0; at < Math.min(sequences.length, 40); at += batchSequences) {
        const batch = maskedFeeds(sequences.slice(at, at + batchSequences), tokenizer, randomStream(seed, "held out", index, at), {}, candidates);
        const result = await program.run({ ...batch.feeds, lossScale: { dtype: "float32", dims: [], data: Float32Array.of(1) } });
        loss += result.loss;
        count += batch.count;
      }
    }
    return { score: loss / count };
  };
}

function candidatesOf(sequences) {
  return [...new Set(sequences.flatMap(({ ids }) => ids))].sort((a, b) => a - b);
}

async function fit(task, program, texts, held, shape, steps, learningRate) {
  return runTraining({
    task, program, steps, source: source(texts, task, shape), learningRate, schedule: "linear", warmup: 0.1, goal: "lowest",
    evaluate: evaluator(program, held, shape), evaluateEvery: Math.max(50, Math.floor(steps / 4)), checkpoint: { folder: join(cache, task), every: 50 }, resume: true,
    config: { seed, ...shape },
    onProgress: ({ done, total, numbers }) => done % 25 === 0 && log(`${task} ${done}/${total} ${Object.entries(numbers).map(([key, value]) => `${key} ${value.toFixed(3)}`).join(" ")}`),
  });
}

async function load(language, shape) {
  const [sequences, held] = [await sequencesOf(language, "train", shape), await sequencesOf(language, "valid", shape)];
  const candidates = candidatesOf([...sequences, ...held]);
  return { language, sequences, candidates, held: { sequences: held, candidates } };
}

async function trainHead(file) {
  const texts = [];
  for (const language of Object.keys(codes)) texts.push(await load(language, headShape));
  const head = createHead("maskedLm", { vocabulary: backbone.config.vocabulary, candidates: true }, { name: "mlm", seed });
  const model = assemble(backbone, { head, session });
  const program = await model.training(["mlm"]);
  // Adam moves a number by at most its rate a step, and log frequencies span ten units: the bias starts where it would end.
  head.parameters.get("decoder.bias").data.set(logFrequencies(texts));
  program.touch();
  const held = texts.map(({ held: { sequences, candidates } }) => ({ sequences: sequences.slice(0, headShape.batchSequences), candidates }));
  const report = await fit("mlm-head", program, texts, held, headShape, Number(values["head-steps"]), 4 * Number(values.rate));
  saveModule(head, file, { dtype: "float16" });
  await model.close();
  log(`head: held-out loss ${report.dev.map(({ score }) => score.toFixed(3)).join(" → ")}`);
}

/** log(count + 0.1) of every piece over all texts, mean 0: the best bias for a head that sees nothing else. */
function logFrequencies(texts) {
  const counts = new Float32Array(backbone.config.vocabulary).fill(0.1);
  for (const { sequences } of texts) for (const { ids } of sequences) for (const id of ids) counts[id]++;
  for (const id of tokenizer.specialIds) counts[id] = 0.1;
  const logs = counts.map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return logs.map((value) => value - mean);
}

async function trainLanguage(language, head) {
  const code = codes[language] ?? language;
  const file = join(values.out, "adapters", `${code}.safetensors`);
  if (existsSync(file)) return log(`${code}: is there already`);
  const text = await load(language, adapterShape);
  const adapter = createAdapter(code, { method: "bottleneck", preset: "madxLanguage", reductionFactor: 8, invertibleReductionFactor: 4 }, { seed });
  const model = assemble(backbone, { adapters: [adapter], composition: code, head, session });
  const program = await model.training([code]);
  const before = await evaluator(program, [text.held], adapterShape)();
  const report = await fit(`lang-${code}`, program, [text], [text.held], adapterShape, Number(values.steps), Number(values.rate));
  Object.assign(adapter.card, card(language, text, before, report));
  saveModule(adapter, file, { dtype: "float16" });
  mkdirSync(join(values.out, "adapters"), { recursive: true });
  writeFileSync(join(values.out, "adapters", `${code}.json`), `${JSON.stringify({ name: code, config: adapter.config, parameters: adapter.parameters.count, ...adapter.card, file: `${code}.safetensors`, sha256: sha256(file) }, null, 1)}\n`);
  await model.close();
  log(`${code}: held-out loss ${before.score.toFixed(3)} → ${report.dev.map(({ score }) => score.toFixed(3)).join(" → ")}`);
}

function card(language, text, before, report) {
  return {
    language, backbone: "e5-small", fingerprint: backbone.fingerprint, objective: "masked language modelling, softmax over the pieces that occur in the language's text",
    data: { file: `text/${language}/train.txt.gz`, sha256: sha256(textFile(language, "train")), sequences: text.sequences.length, pieces: text.candidates.length },
    training: { steps: report.steps, tokens: report.tokens, seconds: Math.round(report.seconds), seed, learningRate: Number(values.rate), ...adapterShape },
    heldOutLoss: { before: before.score, curve: report.dev.map(({ step, score }) => ({ step, loss: score })) },
    trainingLoss: report.losses.filter((_, index) => index % 10 === 9).map(({ step, loss }) => ({ step, loss: Number(loss.toFixed(4)) })),
    versions: { modlingua: JSON.parse(readFileSync("package.json", "utf8")).version, node: process.version },
  };
}

function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** README.md of the folder, from the cards. */
function writeCatalogue() {
  const folder = join(values.out, "adapters");
  const cards = readdirSync(folder).filter((file) => file.endsWith(".json")).sort().map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
  const rows = cards.map(({ name, data, training, heldOutLoss, parameters }) => `| ${name} | ${parameters.toLocaleString("en")} | ${data.sequences.toLocaleString("en")} | ${training.steps} | ${training.tokens.toLocaleString("en")} | ${heldOutLoss.before.toFixed(2)} | ${Math.min(...heldOutLoss.curve.map(({ loss }) => loss)).toFixed(2)} |`);
  writeFileSync(join(folder, "README.md"), `# Language adapters of e5-small

Written by \`node scripts/language-adapters.mjs TEXT_FOLDER\`, which also made the adapters: bottleneck adapters in MAD-X's layout (reduction factor 8, invertible NICE part with
reduction factor 4), trained by masked language modelling with encoder and masked-LM head frozen. \`loadAdapter("e5-small/tr")\` opens one. Stored as float16, about 0.9 MB each.

The head (\`heads/mlm.safetensors\`, \`loadHead("e5-small/mlm", "maskedLm")\`) was trained before, jointly over all these languages with the encoder frozen; the vocabulary matrix is the encoder's own.
Losses are nats a masked piece on held-out text of the language, always masked alike, normalised over the pieces that occur in the language's text.

| adapter | parameters | training sequences at hand | steps | tokens seen | held-out loss without | with |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

What to expect: ${cards[0].training.steps} steps are a beginning, not a finished adapter (MAD-X's own saw 250,000 steps of larger batches), and texts are small: mostly read sentences of Common Voice, for others news,
Wikipedia or translated text. The data set's card in the project's documentation names the sources; the texts are not part of this repository. Each \`.json\` beside an adapter holds its data's checksum,
the whole configuration, the loss curves, seed and versions. Licence of the weights: MIT, as the encoder; the texts they were trained on have licences of their own.
`);
}

const headFile = join(values.out, "heads", "mlm.safetensors");
if (!existsSync(headFile)) await trainHead(headFile);
const head = loadHead(headFile, "maskedLm");
for (const language of languages) await trainLanguage(language, head);
writeCatalogue();
process.exit(0);
