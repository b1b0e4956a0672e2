import type { Command, Option } from "./command.js";
import { commonOptions, flagOf } from "./options.js";

/** The help of the whole program, from the registry. */
export function programHelp(commands: ReadonlyMap<string, Command>): string {
  return [
    "modlingua: modular cross-lingual transfer with adapters on ONNX encoders", "",
    "usage: modlingua COMMAND [options]", "",
    ...columns([...commands].map(([name, { about }]) => [name, about])), "",
    "modlingua COMMAND --help explains one of them; --json prints results for programs; --version prints the version.",
    "Exit codes: 0 done, 1 refused (one line says why), 2 wrong usage, 130 interrupted.",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp(name: string, { about, arguments: values, options, example }: Command): string {
  const all: Readonly<Record<string, Option>> = { ...options, ...commonOptions };
  return [
    `modlingua ${name}: ${about}`, "", `usage: ${usageLine(name, { arguments: values, options })}`, "",
    ...columns(values.map((value) => [value.name, value.about])), ...(values.length === 0 ? [] : [""]),
    ...columns(Object.entries(all).map(([key, option]) => [spelled(key, option), described(option)])), "",
    `example: ${example}`,
  ].join("\n");
}

export function usageLine(name: string, { arguments: values, options }: Pick<Command, "arguments" | "options">): string {
  const required = Object.entries(options).filter(([, option]) => option.required === true).map(([key, option]) => spelled(key, option));
  return ["modlingua", name, ...values.map((value) => value.name), ...required, "[options]"].join(" ");
}

function spelled(key: string, { value, short }: Option): string {
  const flags = short === undefined ? flagOf(key) : `-${short}, ${flagOf(key)}`;
  return value === undefined ? flags : `${flags} ${value}`;
}

function described({ about, default: preset, required, many, choices }: Option): string {
  const notes = [
    required === true ? "required" : undefined, many === true ? "may be repeated" : undefined,
    choices === undefined ? undefined : choices().join(" | "), preset === undefined || preset === "" ? undefined : `default ${preset}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? about : `${about} (${notes.join("; ")})`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
