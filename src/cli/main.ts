#!/usr/bin/env node
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ModlinguaError } from "../base/index.js";
import { packagePath } from "../data/index.js";
import { terminalProgress } from "../notebook/index.js";
import type { Terminal } from "./command.js";
import { commandHelp, programHelp } from "./help.js";
import { parseLine } from "./options.js";
import { commandTable, findCommand } from "./registry.js";

/** What a program ends with. */
export const exitCodes = { done: 0, refused: 1, usage: 2, interrupted: 130 } as const;

/**
 * Runs one command line. The answer goes to standard output, everything else to standard error.
 * @returns the exit code: see `exitCodes`
 */
export async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0 || ["--help", "-h", "help"].includes(args[0]!)) {
    print(programHelp(commandTable));
    return args.length === 0 ? exitCodes.usage : exitCodes.done;
  }
  if (args[0] === "--version") {
    print(version());
    return exitCodes.done;
  }
  const interrupt = new AbortController();
  const release = onInterrupt(interrupt);
  try {
    return await runCommand(args, { signal: interrupt.signal, progress: terminalProgress(process.stderr), note });
  } catch (error) {
    return report(error);
  } finally {
    release();
  }
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const { name, command, rest } = findCommand(args);
  const { given, values, json, help } = parseLine(name, command, rest);
  if (help) {
    print(commandHelp(name, command));
    return exitCodes.done;
  }
  const answer = await command.run(given, values, terminal);
  print(json ? JSON.stringify(answer.json, null, 2) : answer.text);
  return answer.refused === true ? exitCodes.refused : exitCodes.done;
}

/** The first Ctrl-C asks the work to stop where it is whole; the second does not wait for it. */
function onInterrupt(interrupt: AbortController): () => void {
  const listener = (): void => {
    if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
    note("stopping; press Ctrl-C again to stop at once");
    interrupt.abort(new Error("interrupted"));
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
}

/** One line for whatever went wrong; MODLINGUA_DEBUG=1 adds where it came from. */
function report(error: unknown): number {
  const known = error instanceof ModlinguaError;
  const text = known ? error.message : `unexpected error: ${error instanceof Error ? error.message : String(error)}`;
  note(`modlingua: ${text.replace(/\s*\n\s*/g, " ")}`);
  if (process.env["MODLINGUA_DEBUG"] === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  if (known && error.kind === "usage") return exitCodes.usage;
  return known && error.kind === "aborted" ? exitCodes.interrupted : exitCodes.refused;
}

/** A line for the person, in place of a bar that may be there. */
function note(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? "\r\u001b[2K" : ""}${text}\n`);
}

function print(text: string): void {
  process.stdout.write(text.endsWith("\n") || text === "" ? text : `${text}\n`);
}

function version(): string {
  return (JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string }).version;
}

function isProgram(): boolean {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
}

if (isProgram()) {
  // a reader that stops reading (`modlingua … | head`) is no error
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : exitCodes.refused));
  main(process.argv.slice(2)).then(
    (code) => void (process.exitCode = code),
    (error: unknown) => void (process.exitCode = report(error)),
  );
}
