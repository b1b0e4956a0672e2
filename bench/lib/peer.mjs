// The Python peer as a child process that is asked by lines of JSON.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = (name) => fileURLToPath(new URL(`../peer/${name}`, import.meta.url));
const sizeFlags = ({ hidden, layers, vocabulary }) => ["--hidden", hidden, "--layers", layers, "--vocab", vocabulary].map(String);

/** The peer's interpreter in a virtual environment; undefined where it is not installed. */
export function peerPython(venv) {
  const python = join(venv, "bin", "python");
  return existsSync(python) ? python : undefined;
}

/** The folder with the peer's encoder and adapters as files; written there unless it exists. */
export function peerExport(python, cache, sizes) {
  const folder = join(cache, `peer-${sizes.hidden}x${sizes.layers}x${sizes.vocabulary}`);
  if (existsSync(folder)) return folder;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  execFileSync(python, [script("export.py"), part, ...sizeFlags(sizes)], { stdio: ["ignore", "ignore", "inherit"] });
  renameSync(part, folder);
  return folder;
}

/** Starts the peer; `ask` gives its answer, `side` makes one of its commands a side of an alternating measure. */
export async function startPeer(python, sizes, { rows, length, threads }) {
  const child = spawn(python, [script("peer.py"), ...sizeFlags(sizes), "--batch", rows, "--length", length, "--threads", threads].map(String), { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the peer ended without an answer");
    const reply = JSON.parse(value);
    if (reply.error !== undefined) throw new Error(`the peer says: ${reply.error}`);
    return reply;
  };
  const { versions } = await next();
  const ask = (cmd, more = {}) => {
    child.stdin.write(`${JSON.stringify({ cmd, ...more })}\n`);
    return next();
  };
  const cpu = () => processorTime(child.pid);
  return {
    versions, ask,
    side: (cmd) => async () => {
      const before = cpu();
      const { ms } = await ask(cmd);
      return { wall: ms, cpu: cpu() - before };
    },
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end(`{"cmd": "quit"}\n`);
      await ended;
    },
  };
}

/** Milliseconds of processor time of a process, in the kernel's ticks of 10 ms; NaN where the system does not tell. */
function processorTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return NaN;
  }
}
