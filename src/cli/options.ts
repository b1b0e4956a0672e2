import { parseArgs } from "node:util";
import { ModlinguaError, unknownName } from "../base/index.js";
import type { Command, Given, Option } from "./command.js";

/** Options that every command has. */
export const commonOptions = {
  json: { about: "print the result as JSON" },
  help: { about: "print this help" },
} as const satisfies Record<string, Option>;

export interface ParsedLine {
  readonly given: Given;
  readonly values: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
}

/** Camel case in code, hyphens on the command line: `languageAdapter` is `--language-adapter`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Reads the arguments after a command's name. Throws "usage" for unknown, missing, repeated and unreadable ones. */
export function parseLine(name: string, { options, arguments: wanted }: Command, rest: readonly string[]): ParsedLine {
  const all: Readonly<Record<string, Option>> = { ...options, ...commonOptions };
  const keys = new Map(Object.keys(all).map((key) => [flagOf(key).slice(2), key]));
  const { tokens } = parseArgs({
    args: [...rest], strict: false, tokens: true, allowPositionals: true,
    options: Object.fromEntries([...keys].map(([flag, key]) => [flag, optionOf(all[key]!)])),
  });
  const texts = new Map<string, string[]>();
  const values: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") values.push(token.value);
    else if (token.kind === "option") {
      const key = keys.get(token.name);
      if (key === undefined) throw unknownName("usage", `option of ${name}`, token.rawName, [...keys.keys()].map((flag) => `--${flag}`));
      texts.set(key, [...(texts.get(key) ?? []), textOf(all[key]!, token.rawName, token.value, token.inlineValue)]);
    }
  }
  const help = texts.has("help");
  if (!help && values.length !== wanted.length) throw miscounted(name, wanted.map((argument) => argument.name), values);
  const given = Object.fromEntries(Object.entries(options).map(([key, option]) => [key, help ? undefined : valueOf(key, option, texts.get(key) ?? [])]));
  return { given: given as Given, values, json: texts.has("json"), help };
}

function optionOf({ value, short }: Option): { type: "boolean" | "string"; multiple: true; short?: string } {
  return { type: value === undefined ? "boolean" : "string", multiple: true, ...(short === undefined ? {} : { short }) };
}

function textOf(option: Option, flag: string, value: string | undefined, inline: boolean | undefined): string {
  if (option.value === undefined) {
    if (value !== undefined) throw new ModlinguaError("usage", `${flag} is a switch and takes no value, got ${JSON.stringify(value)}`);
    return "";
  }
  if (value === undefined || (inline !== true && value.startsWith("--"))) throw new ModlinguaError("usage", `${flag} needs a value`, { remedy: `write ${flag} ${option.value}` });
  return value;
}

function miscounted(name: string, wanted: readonly string[], values: readonly string[]): ModlinguaError {
  const missing = wanted[values.length];
  if (missing !== undefined) return new ModlinguaError("usage", `${name} needs ${missing}`);
  return new ModlinguaError("usage", `${name} takes ${wanted.length === 0 ? "no arguments" : wanted.join(" ")}, but got ${JSON.stringify(values.at(wanted.length))} too`);
}

function valueOf(key: string, option: Option, texts: readonly string[]): unknown {
  if (option.value === undefined) return texts.length > 0;
  if (option.many === true) return texts.map((text) => readValue(key, option, text));
  if (texts.length > 1) throw new ModlinguaError("usage", `${flagOf(key)} is given ${texts.length} times`, { remedy: "give it once" });
  const text = texts[0] ?? option.default;
  if (text !== undefined) return readValue(key, option, text);
  if (option.required === true) throw new ModlinguaError("usage", `${flagOf(key)} is missing: ${option.about}`, { remedy: `add ${flagOf(key)} ${option.value}` });
  return undefined;
}

function readValue(key: string, option: Option, text: string): string | number {
  const choices = option.choices?.();
  if (choices !== undefined && !choices.includes(text)) throw unknownName("usage", `value of ${flagOf(key)}`, text, choices);
  if (option.type === undefined || option.type === "text") return text;
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number) || (option.type === "whole" && (!Number.isInteger(number) || number < 0))) {
    throw new ModlinguaError("usage", `${flagOf(key)} must be ${option.type === "whole" ? "a whole number" : "a number"}, got ${JSON.stringify(text)}`);
  }
  return number;
}
