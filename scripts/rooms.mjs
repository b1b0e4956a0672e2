// The rooms of src/ and who may import whom: the one place where the architecture is written down.
// `node scripts/rooms.mjs` checks src/ against it; test/rooms.test.ts and docs/architecture.md read the same tables.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** Rooms from the bottom up. A room may import the doors (`index.ts`) of the rooms it lists, all of which stand before it. */
export const rooms = {
  base: { about: "errors, tensors, seeded random streams, whole files", imports: [] },
  formats: { about: "bytes or text to plain data and back", imports: ["base"] },
  onnx: { about: "the graph: links, builder, printer, shapes, passes", imports: ["base", "formats"] },
  runtime: { about: "devices, sessions, feeds", imports: ["base", "onnx"] },
  autodiff: { about: "gradients written as more ONNX", imports: ["base", "onnx"] },
  backbone: { about: "encoders, their sites, and the algebra of each kind of site", imports: ["base", "onnx"] },
  data: { about: "examples, tokens, batches, masks", imports: ["base", "formats"] },
  computation: { about: "what one module does at one site", imports: ["base", "onnx", "backbone"] },
  routing: { about: "which modules act on what, and how strongly", imports: ["base", "backbone"] },
  aggregation: { about: "how several results become one", imports: ["base", "onnx", "backbone", "computation", "routing"] },
  composition: { about: "the tree of blocks and its lowering onto a graph", imports: ["base", "onnx", "backbone", "computation", "routing", "aggregation"] },
  heads: { about: "logits, loss and decoding of each task", imports: ["base", "onnx", "backbone", "computation", "data"] },
  model: { about: "backbone, modules and head as one graph with swappable parameters", imports: ["base", "formats", "onnx", "runtime", "autodiff", "backbone", "computation", "composition", "heads"] },
  hub: { about: "where encoders, modules and files come from and go to", imports: ["base", "formats", "onnx", "backbone", "computation", "data", "heads", "model"] },
  evaluation: { about: "scores with their raw counts", imports: ["base", "runtime", "data", "heads", "model"] },
  training: { about: "the loop that moves parameters", imports: ["base", "formats", "runtime", "computation", "data", "heads", "model", "hub", "evaluation"] },
  experiments: { about: "cells and grids of them", imports: ["base", "formats", "computation", "composition", "data", "heads", "model", "hub", "training", "evaluation"] },
  figures: { about: "results to Plotly figures, as plain data", imports: ["base"] },
  notebook: { about: "what a person sees in a notebook", imports: "every room" },
  cli: { about: "what a person types", imports: "every room" },
};

/** Packages that only some rooms may import; any other package is free to none but these rooms. Node's own modules are free to all. */
export const packages = {
  "onnxruntime-node": ["runtime"],
  "onnxruntime-common": ["runtime"],
  "@xenova/transformers": ["data"],
  tslab: ["notebook"], typescript: ["notebook"], zeromq: ["notebook"], jsdom: ["notebook"], sharp: ["notebook"], marked: ["notebook"], "highlight.js": ["notebook"],
  "plotly.js-cartesian-dist-min": ["notebook"], "danfojs-node": ["notebook"],
};

/**
 * Type-only imports that may close a circle, because compilation erases them: an entry of a registry folder names the
 * contract above it, whose registry lists the entry; and a union over entries stands beside the contract.
 * `entry` is the folder of the entries, `contract` the files that it may point back to.
 */
export const typeCircles = [
  { entry: "src/backbone/kinds", contract: ["src/backbone/kind.ts"] },
  { entry: "src/backbone/families", contract: ["src/backbone/family.ts"] },
  { entry: "src/computation/methods", contract: ["src/computation/method.ts"] },
  { entry: "src/routing/routers", contract: ["src/routing/router.ts"] },
  { entry: "src/aggregation/aggregators", contract: ["src/aggregation/aggregator.ts"] },
  { entry: "src/composition/blocks", contract: ["src/composition/block.ts"] },
  { entry: "src/heads/tasks", contract: ["src/heads/head.ts"] },
  { entry: "src/data/datasets", contract: ["src/data/dataset.ts"] },
  { entry: "src/onnx/passes", contract: ["src/onnx/pass.ts"] },
  { entry: "src/evaluation/metrics", contract: ["src/evaluation/metric.ts"] },
  { entry: "src/cli/commands", contract: ["src/cli/command.ts"] },
];

/** Rooms that a room may import. */
export function importsOf(room, table = rooms) {
  const names = Object.keys(table);
  const { imports } = table[room];
  return imports === "every room" ? names.slice(0, names.indexOf(room)) : imports;
}

/** What is wrong, one line each; nothing where the house stands. `read` and `files` let a test try a made-up house. */
export function violations(files = sourceFiles(), read = (file) => readFileSync(file, "utf8")) {
  const sources = files.map((file) => ({ file, ...importsIn(file, read(file), files) }));
  return [
    ...tableFaults(),
    ...sources.flatMap(({ file, imports, topLevelAwait }) => [
      ...imports.flatMap((found) => importFault(file, found)),
      ...(topLevelAwait ? [`${file}: awaits at the top level; notebooks load the build through require, which cannot wait`] : []),
    ]),
    ...circles(sources),
  ];
}

function sourceFiles(folder = "src") {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).replaceAll("\\", "/"))
    .sort();
}

function tableFaults() {
  const names = Object.keys(rooms);
  return names.flatMap((room, index) => importsOf(room).filter((other) => names.indexOf(other) >= index || !names.includes(other)).map((other) => `the table lets ${room} import ${other}, which does not stand below it`));
}

/** Imports of a file: `{ to, typeOnly, line }` with `to` a file of the house or the name of a package. */
function importsIn(file, text, files) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const imports = [];
  let topLevelAwait = false;
  const add = (node, specifier, typeOnly) => imports.push({ to: resolved(file, specifier.text, files), typeOnly, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  const visit = (node, inFunction) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(node, node.argument.literal, true);
    else if (ts.isCallExpression(node) && isImportCall(node)) add(node, node.arguments[0], false);
    if (!inFunction && (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined))) topLevelAwait = true;
    ts.forEachChild(node, (child) => visit(child, inFunction || ts.isFunctionLike(node)));
  };
  visit(source, false);
  return { imports, topLevelAwait };
}

/** `import("x")`, `require("x")` and `require.resolve("x")` with a literal name. */
function isImportCall({ expression, arguments: [first] }) {
  if (first === undefined || !ts.isStringLiteral(first)) return false;
  return expression.kind === ts.SyntaxKind.ImportKeyword || /^require(\.resolve)?$/.test(expression.getText());
}

function resolved(from, specifier, files) {
  if (!specifier.startsWith(".")) return specifier.replace(/^node:/, "node:").split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  const path = normalize(join(dirname(from), specifier)).replaceAll("\\", "/");
  return [path.replace(/\.js$/, ".ts"), path].find((candidate) => files.includes(candidate)) ?? path;
}

const roomOf = (file) => (file.split("/").length > 2 ? file.split("/")[1] : "");

function importFault(file, { to, line }) {
  const from = roomOf(file);
  const place = `${file}:${line}`;
  if (!to.startsWith("src/")) return packageFault(place, from, to);
  const target = roomOf(to);
  if (target === from) return [];
  if (target === "") return [`${place}: imports ${to}, the library's outer door; import the rooms it is made of`];
  if (to !== `src/${target}/index.ts`) return [`${place}: enters ${target} through ${relative(`src/${target}`, to)}; use its door, ../${target}/index.js`];
  if (from === "" || importsOf(from).includes(target)) return [];
  return [`${place}: ${from} may not import ${target}; it may import ${importsOf(from).join(", ") || "nothing"} (scripts/rooms.mjs)`];
}

function packageFault(place, room, name) {
  if (name.startsWith("node:") || name.startsWith("/")) return [];
  if (name.startsWith("..") || name.startsWith("package.json")) return [];
  const allowed = packages[name];
  if (allowed === undefined) return [`${place}: imports ${name}, which scripts/rooms.mjs does not know`];
  return allowed.includes(room) ? [] : [`${place}: only ${allowed.join(", ")} may import ${name}`];
}

/** One line for every circle of imports between files; type-only imports named in `typeCircles` do not count. */
function circles(sources) {
  const edges = new Map(sources.map(({ file, imports }) => [file, imports.filter((found) => found.to.startsWith("src/") && found.to !== file && !excepted(file, found)).map(({ to }) => to)]));
  const state = new Map();
  const faults = [];
  const visit = (file, way) => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") return void faults.push(`circle of imports: ${[...way.slice(way.indexOf(file)), file].join(" → ")}`);
    state.set(file, "open");
    for (const next of edges.get(file) ?? []) visit(next, [...way, file]);
    state.set(file, "done");
  };
  for (const { file } of sources) visit(file, []);
  return faults;
}

function excepted(file, { to, typeOnly }) {
  return typeOnly && typeCircles.some(({ entry, contract }) => (dirname(file) === entry && contract.includes(to)) || (contract.includes(file) && dirname(to) === entry));
}

/** The table as Markdown, for docs/architecture.md. */
export function importTable() {
  const lines = Object.keys(rooms).map((room) => `| \`${room}\` | ${rooms[room].about} | ${rooms[room].imports === "every room" ? "every room above" : rooms[room].imports.join(", ") || "nothing"} |`);
  return ["| room | holds | may import |", "| --- | --- | --- |", ...lines].join("\n");
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === join(process.cwd(), relative(process.cwd(), process.argv[1])) && existsSync("src")) {
  const faults = violations();
  for (const fault of faults) console.error(fault);
  process.exit(faults.length === 0 ? 0 : 1);
}
