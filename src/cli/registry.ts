import { unknownName } from "../base/index.js";
import type { Command } from "./command.js";
import * as commands from "./commands/index.js";

/** Every command by its words, e.g. "notebook run". */
export const commandTable: ReadonlyMap<string, Command> = new Map(Object.entries(commands).map(([key, entry]) => [wordsOf(key), entry as unknown as Command]));

function wordsOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The command that an argument list begins with, and the arguments after its words. Throws "usage" where there is none. */
export function findCommand(words: readonly string[]): { readonly name: string; readonly command: Command; readonly rest: readonly string[] } {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command = commandTable.get(name);
    if (command !== undefined && words.length >= length) return { name, command, rest: words.slice(length) };
  }
  const groups = [...commandTable.keys()].filter((name) => name.startsWith(`${words[0]} `));
  throw groups.length > 0
    ? unknownName("usage", "command", words.slice(0, 2).join(" "), groups)
    : unknownName("usage", "command", words[0] ?? "", [...commandTable.keys()]);
}
