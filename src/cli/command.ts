import type { ProgressListener } from "../base/index.js";

/** An option of a command. One without `value` is a switch. */
export interface Option {
  readonly about: string;
  /** What stands for the value in the help, e.g. "DIR". */
  readonly value?: string;
  /** One letter, e.g. "p" for `-p`. */
  readonly short?: string;
  /** How the value is read. Default "text". */
  readonly type?: "text" | "number" | "whole";
  /** The value where none is given, as it would be typed. */
  readonly default?: string;
  readonly required?: true;
  /** May be given more than once. */
  readonly many?: true;
  /** What it may be; asked for only when needed. */
  readonly choices?: () => readonly string[];
}

/** Something that stands after the command without a name. */
export interface Argument {
  readonly name: string;
  readonly about: string;
}

type Options = Readonly<Record<string, Option>>;
type Plain<O extends Option> = O extends { readonly type: "number" | "whole" } ? number : string;
type ValueOf<O extends Option> = O extends { readonly value: string }
  ? O extends { readonly many: true } ? readonly Plain<O>[] : O extends { readonly required: true } | { readonly default: string } ? Plain<O> : Plain<O> | undefined
  : boolean;

/** The values of a command's options, by their names. */
export type Given<O extends Options = Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

/** What a command may use of the world around it. */
export interface Terminal {
  /** Fires when the person interrupts. */
  readonly signal: AbortSignal;
  /** Draws a bar; a finished task becomes one line. */
  readonly progress: ProgressListener;
  /** A line for the person, which is not part of the result. */
  note(text: string): void;
}

/** What a command answers: for people and, with --json, for programs. */
export interface Report {
  readonly text: string;
  readonly json: unknown;
  /** Set where the answer is no (a linter that found something): the exit code is 1. */
  readonly refused?: boolean;
}

/** One command: the words after `modlingua` that name it are its key in the registry, `notebookRun` being `notebook run`. */
export interface Command<O extends Options = Options> {
  readonly about: string;
  readonly arguments: readonly Argument[];
  readonly options: O;
  readonly example: string;
  run(given: Given<O>, values: readonly string[], terminal: Terminal): Promise<Report>;
}

/** Ties the types of a command's options to what its `run` gets. */
export function command<const O extends Options>(definition: Command<O>): Command<O> {
  return definition;
}
