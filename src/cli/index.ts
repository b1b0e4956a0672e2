export { type Argument, type Command, type Given, type Option, type Report, type Terminal, command } from "./command.js";
export { commandHelp, programHelp, usageLine } from "./help.js";
export { commandTable, findCommand } from "./registry.js";
export { parseLine } from "./options.js";
