import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import type ts from "typescript";
import type { CodeCell, Notebook } from "./notebookFile.js";
import { normalMetadata } from "./strip.js";

export type LintRule =
  | "syntax" | "shorthand-of-earlier-cell" | "destructuring-of-earlier-cell" | "for-await-alone" | "ts-ignore-above-await"
  | "outputs" | "execution-count" | "cell-id" | "metadata";

export interface Finding {
  readonly rule: LintRule;
  /** Number of the cell from 1, in the order of the notebook; 0 for the notebook itself. */
  readonly cell: number;
  /** Line in the cell from 1; 0 where the finding is about the whole cell. */
  readonly line: number;
  readonly message: string;
}

/**
 * The traps of tslab that TypeScript does not see, and leftovers that do not belong into a committed notebook.
 * A cell is compiled alone and sees names of earlier cells as properties of one object: that is where the traps come from.
 */
export function lintNotebook(notebook: Notebook): Finding[] {
  const earlier = new Set<string>();
  const findings: Finding[] = notebookFindings(notebook);
  for (const [i, cell] of notebook.cells.entries()) {
    const report = (rule: LintRule, line: number, message: string): number => findings.push({ rule, cell: i + 1, line, message });
    if (cell.id === "") report("cell-id", 0, "the cell has no id: strip the notebook");
    const { tags, ...other } = cell.metadata;
    if (Object.keys(other).length > 0) report("metadata", 0, `the cell carries ${Object.keys(other).join(", ")} of an editor: strip the notebook`);
    if (tags?.includes("injected-parameters") === true) report("metadata", 0, "the cell holds parameters of one run: strip the notebook");
    if (cell.cell_type === "code") lintCode(cell, earlier, report);
  }
  return findings;
}

type Report = (rule: LintRule, line: number, message: string) => void;

function notebookFindings({ metadata, nbformat_minor }: Notebook): Finding[] {
  if (isDeepStrictEqual({ ...metadata }, normalMetadata) && nbformat_minor === 5) return [];
  return [{ rule: "metadata", cell: 0, line: 0, message: "the metadata of the notebook are not the normal ones: strip the notebook" }];
}

/** The parser of the kernel itself, so that what is linted is what will run. */
let parser: typeof ts | undefined;
function typescript(): typeof ts {
  return (parser ??= createRequire(createRequire(import.meta.url).resolve("tslab"))("@tslab/typescript-for-tslab") as typeof ts);
}

function lintCode(cell: CodeCell, earlier: Set<string>, report: Report): void {
  if (cell.outputs.length > 0) report("outputs", 0, `the cell holds ${cell.outputs.length} outputs: strip the notebook`);
  if (cell.execution_count !== null) report("execution-count", 0, "the cell is numbered: strip the notebook");
  const { createSourceFile, ScriptTarget, ScriptKind } = typescript();
  const file = createSourceFile("cell.ts", cell.source, ScriptTarget.Latest, true, ScriptKind.TS);
  for (const { start, messageText } of (file as unknown as { parseDiagnostics: readonly ts.DiagnosticWithLocation[] }).parseDiagnostics) {
    report("syntax", lineOf(file, start), typescript().flattenDiagnosticMessageText(messageText, " "));
  }
  const own = topLevelNames(file);
  lintShorthand(file, new Set([...earlier].filter((name) => !own.has(name))), report);
  lintAwait(file, report);
  own.forEach((name) => earlier.add(name));
}

function lineOf(file: ts.SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line + 1;
}

function topLevelNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of file.statements) declare(statement, names);
  return names;
}

/** Adds the names that a statement declares in its own scope. */
function declare(statement: ts.Node, names: Set<string>): void {
  const t = typescript();
  if (t.isVariableStatement(statement)) statement.declarationList.declarations.forEach(({ name }) => bind(name, names));
  else if ((t.isFunctionDeclaration(statement) || t.isClassDeclaration(statement) || t.isEnumDeclaration(statement)) && statement.name !== undefined) names.add(statement.name.text);
  else if (t.isImportDeclaration(statement) && statement.importClause !== undefined) {
    const { name, namedBindings } = statement.importClause;
    if (name !== undefined) names.add(name.text);
    if (namedBindings !== undefined && t.isNamespaceImport(namedBindings)) names.add(namedBindings.name.text);
    if (namedBindings !== undefined && t.isNamedImports(namedBindings)) namedBindings.elements.forEach((element) => names.add(element.name.text));
  }
}

function bind(name: ts.BindingName, names: Set<string>): void {
  if (typescript().isIdentifier(name)) names.add(name.text);
  else for (const element of name.elements) if (!typescript().isOmittedExpression(element)) bind(element.name, names);
}

/** Names that a node opens a scope for: parameters of functions, declarations of blocks and loops, the error of a catch. */
function localNames(node: ts.Node): Set<string> {
  const t = typescript();
  const names = new Set<string>();
  if (t.isFunctionLike(node)) {
    node.parameters.forEach((parameter) => bind(parameter.name, names));
    if (t.isFunctionExpression(node) && node.name !== undefined) names.add(node.name.text);
  } else if (t.isClassExpression(node) && node.name !== undefined) names.add(node.name.text);
  else if (t.isBlock(node) || t.isModuleBlock(node) || t.isCaseOrDefaultClause(node)) node.statements.forEach((statement) => declare(statement, names));
  else if (t.isCatchClause(node) && node.variableDeclaration !== undefined) bind(node.variableDeclaration.name, names);
  else if (t.isForStatement(node) || t.isForOfStatement(node) || t.isForInStatement(node)) {
    if (node.initializer !== undefined && t.isVariableDeclarationList(node.initializer)) node.initializer.declarations.forEach(({ name }) => bind(name, names));
  }
  return names;
}

/** `({ z })` and `({ z } = value)` where `z` belongs to an earlier cell: the first throws, the second is lost. */
function lintShorthand(file: ts.SourceFile, foreign: ReadonlySet<string>, report: Report): void {
  const t = typescript();
  const visit = (node: ts.Node, visible: ReadonlySet<string>): void => {
    const local = localNames(node);
    const inner = local.size === 0 ? visible : new Set([...visible].filter((name) => !local.has(name)));
    if (t.isShorthandPropertyAssignment(node) && inner.has(node.name.text)) {
      const name = node.name.text;
      const line = lineOf(file, node.getStart(file));
      if (isAssignmentTarget(node.parent)) report("destructuring-of-earlier-cell", line, `the value of ${name}, a variable of an earlier cell, would be lost: declare a new const in this cell`);
      else report("shorthand-of-earlier-cell", line, `${name} is of an earlier cell and cannot be a shorthand property here: write ${name}: ${name}`);
    }
    t.forEachChild(node, (child) => visit(child, inner));
  };
  visit(file, foreign);
}

/** Whether an object literal is the pattern on the left of an assignment or the variable of a loop, at any depth. */
function isAssignmentTarget(node: ts.Node): boolean {
  const t = typescript();
  const { parent } = node;
  if (t.isBinaryExpression(parent)) {
    if (parent.operatorToken.kind !== t.SyntaxKind.EqualsToken) return false;
    // A pattern with a default, `{ a: { b } = {} } = value`, is itself the left side of an assignment inside a pattern.
    return parent.left === node;
  }
  if (t.isForOfStatement(parent) || t.isForInStatement(parent)) return parent.initializer === node;
  const passesOn = t.isPropertyAssignment(parent) || t.isObjectLiteralExpression(parent) || t.isArrayLiteralExpression(parent) || t.isSpreadAssignment(parent) || t.isSpreadElement(parent) || t.isParenthesizedExpression(parent);
  return passesOn && isAssignmentTarget(parent);
}

/** tslab finds out that a cell awaits from a diagnostic of plain `await`: `for await` gives none, and a `@ts-ignore` above swallows it. */
function lintAwait(file: ts.SourceFile, report: Report): void {
  const t = typescript();
  const awaits: ts.Node[] = [];
  const loops: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (t.isFunctionLike(node) || t.isClassStaticBlockDeclaration(node)) return;
    if (t.isAwaitExpression(node)) awaits.push(node);
    if (t.isForOfStatement(node) && node.awaitModifier !== undefined) loops.push(node);
    t.forEachChild(node, visit);
  };
  visit(file);
  if (awaits.length === 0) for (const loop of loops) report("for-await-alone", lineOf(file, loop.getStart(file)), "a cell whose only await is a `for await` does not compile in tslab: add `await null;`");
  const awaiting = new Set([...awaits, ...loops].map((node) => lineOf(file, node.getStart(file))));
  for (const [i, line] of file.text.split("\n").entries()) {
    if (/^\s*(\/\/|\/\*)\s*@ts-(ignore|expect-error)/.test(line) && awaiting.has(i + 2)) {
      report("ts-ignore-above-await", i + 1, "a @ts-ignore above a line with await hides the await from tslab: move the await to its own line");
    }
  }
}
