import { escapeHtml } from "./kernelDisplay.js";

const colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** Terminal text as HTML: colours and bold become spans, other escape sequences go, a carriage return starts its line again. */
export function ansiToHtml(text: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n").map((line) => line.split("\r").filter((part) => part !== "").at(-1) ?? "");
  let open = false;
  const close = (): string => {
    const end = open ? "</span>" : "";
    open = false;
    return end;
  };
  const parts = lines.join("\n").split(/\u001b\[([0-9;]*)m/);
  const html = parts.map((part, i) => {
    if (i % 2 === 0) return escapeHtml(part.replace(/\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007|.)/g, ""));
    const classes = classesOf(part);
    const end = close();
    if (classes === "") return end;
    open = true;
    return `${end}<span class="${classes}">`;
  });
  return html.join("") + close();
}

/** Classes of an SGR sequence; none for a reset. */
function classesOf(codes: string): string {
  return codes.split(";").map(Number).flatMap((code) => {
    if (code === 1) return ["ansi-bold"];
    if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) return [`ansi-${colors[code % 10]}`];
    return [];
  }).join(" ");
}
