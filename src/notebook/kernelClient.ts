import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dealer, Subscriber } from "zeromq";
import { ModlinguaError, throwIfAborted } from "../base/index.js";
import { shimPath } from "./install.js";
import type { Connection, Message } from "./wire.js";
import { decodeMessage, encodeRequest } from "./wire.js";

export interface KernelOptions {
  /** Working folder of the kernel: that of the notebook, so that its imports resolve from there. */
  readonly folder: string;
  /** Ends the kernel, whatever it does. */
  readonly signal?: AbortSignal | undefined;
  /** What the kernel process prints itself (native libraries, children), not what cells print. */
  readonly onLog?: ((text: string) => void) | undefined;
}

export type ExecutionEnd =
  | { readonly status: "ok"; readonly count: number | null }
  | { readonly status: "error"; readonly count: number | null; readonly ename: string; readonly evalue: string; readonly traceback: readonly string[] }
  | { readonly status: "aborted" }
  | { readonly status: "dead"; readonly log: string }
  | { readonly status: "timeout" };

export interface Execution {
  readonly timeoutSeconds: number;
  /** Every message of this cell: execute_input, stream, display_data, update_display_data, error. */
  readonly onMessage: (message: Message) => void;
}

/** How long a reply may be ahead of the `idle` that closes the cell's output. */
const idleGraceMs = 5000;
const startSeconds = 60;

/** A client of one kernel process over ZeroMQ. `start` returns once the kernel answers on both channels; `close` always ends the process. */
export class KernelClient {
  private readonly listeners = new Map<string, (message: Message) => void>();
  private readonly session = randomUUID();
  private log = "";
  private ended = false;
  private stopped = false;
  private readonly exited: Promise<void>;
  private readonly abort: Promise<void>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly shell: Dealer,
    private readonly iopub: Subscriber,
    private readonly connection: Connection,
    private readonly folder: string,
    { onLog, signal }: KernelOptions,
  ) {
    const keep = (data: Buffer): void => {
      const text = data.toString();
      this.log = (this.log + text).slice(-4000);
      onLog?.(text);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    this.exited = new Promise((resolve) => child.once("exit", () => resolve()).once("error", (cause) => { this.log += String(cause); resolve(); }));
    void this.exited.then(() => { this.ended = true; });
    this.abort = new Promise((resolve) => (signal?.aborted === true ? resolve() : signal?.addEventListener("abort", () => resolve(), { once: true })));
    void this.abort.then(() => { this.stopped = true; });
    void this.receive(shell);
    void this.receive(iopub);
  }

  static async start(options: KernelOptions): Promise<KernelClient> {
    throwIfAborted(options.signal, "starting the kernel");
    const zeromq = await import("zeromq");
    const connection = await reserveConnection();
    const folder = mkdtempSync(join(tmpdir(), "modlingua-kernel-"));
    const file = join(folder, "connection.json");
    writeFileSync(file, JSON.stringify(connection), { mode: 0o600 });
    const child = spawn(process.execPath, [shimPath(), "kernel", "--config-path", file], { cwd: options.folder, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    const shell = new zeromq.Dealer({ routingId: randomUUID(), linger: 0 });
    const iopub = new zeromq.Subscriber({ receiveHighWaterMark: 0, linger: 0 });
    const client = new KernelClient(child, shell, iopub, connection, folder, options);
    try {
      shell.connect(`tcp://${connection.ip}:${connection.shell_port}`);
      iopub.connect(`tcp://${connection.ip}:${connection.iopub_port}`);
      iopub.subscribe();
      await client.ready();
      return client;
    } catch (cause) {
      await client.close();
      throw cause;
    }
  }

  /** Asks until an `idle` for one of our requests comes round on iopub: before that its subscription may not have arrived. */
  private async ready(): Promise<void> {
    const latest = Date.now() + startSeconds * 1000;
    let answered = false;
    let wake = (): void => undefined;
    const answer = new Promise<void>((resolve) => { wake = resolve; });
    while (!answered && !this.ended && !this.stopped && Date.now() < latest) {
      this.request("kernel_info_request", {}, (message) => {
        answered ||= isIdle(message);
        if (answered) wake();
      });
      const pause = deadline(0.5);
      await Promise.race([answer, this.exited, this.abort, pause.passed]);
      pause.clear();
    }
    this.listeners.clear();
    if (answered) return;
    if (this.stopped) throw new ModlinguaError("aborted", "starting the kernel was interrupted");
    throw new ModlinguaError("io", this.ended ? `the kernel ended while starting: ${this.log.trim() || "no message"}` : `the kernel did not answer within ${startSeconds} s`, { remedy: "check that npm ci has installed tslab and zeromq" });
  }

  private request(type: string, content: unknown, listener: (message: Message) => void): string {
    const { id, frames } = encodeRequest(this.connection.key, this.session, type, content);
    this.listeners.set(id, listener);
    this.shell.send(frames).catch(() => undefined); // a closed socket: the exit of the kernel is seen elsewhere
    return id;
  }

  private async receive(socket: Dealer | Subscriber): Promise<void> {
    try {
      for await (const frames of socket) {
        const message = decodeMessage(this.connection.key, frames);
        if (message.parent !== undefined) this.listeners.get(message.parent)?.(message);
      }
    } catch (cause) {
      if (!this.ended) this.log += `\n${String(cause)}`;
    }
  }

  /** Runs one cell to its reply and idle, to the death of the kernel, to the timeout or to an abort (these two end the kernel). */
  async execute(code: string, { timeoutSeconds, onMessage }: Execution): Promise<ExecutionEnd> {
    if (this.ended) return { status: "dead", log: this.log };
    let id = "";
    const finished = new Promise<ExecutionEnd>((resolve) => {
      let reply: ExecutionEnd | undefined;
      let idle = false;
      id = this.request("execute_request", { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true }, (message) => {
        if (message.type === "execute_reply") {
          reply = readReply(message);
          setTimeout(resolve, idleGraceMs, reply).unref();
        } else if (isIdle(message)) idle = true;
        else onMessage(message);
        if (reply !== undefined && idle) resolve(reply);
      });
    });
    const limit = deadline(timeoutSeconds);
    const end = await Promise.race([
      finished,
      this.exited.then((): ExecutionEnd => ({ status: "dead", log: this.log })),
      limit.passed.then((): ExecutionEnd => ({ status: "timeout" })),
      this.abort.then((): ExecutionEnd => ({ status: "aborted" })),
    ]);
    limit.clear();
    // Late messages of this cell (a timer, a background promise) still belong to it, so the listener stays until the kernel goes.
    if (end.status !== "ok" && end.status !== "error") {
      this.listeners.delete(id);
      await this.close();
    }
    return end;
  }

  /** As the stop button: a synchronous loop and an awaiting cell end with an error. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }

  async close(): Promise<void> {
    if (!this.ended) this.child.kill("SIGKILL");
    await this.exited;
    if (!this.shell.closed) this.shell.close();
    if (!this.iopub.closed) this.iopub.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function isIdle({ type, content }: Message): boolean {
  return type === "status" && content["execution_state"] === "idle";
}

function readReply({ content }: Message): ExecutionEnd {
  const count = typeof content["execution_count"] === "number" ? content["execution_count"] : null;
  switch (content["status"]) {
    case "ok": return { status: "ok", count };
    case "error": return { status: "error", count, ename: String(content["ename"]), evalue: String(content["evalue"]), traceback: Array.isArray(content["traceback"]) ? content["traceback"].map(String) : [] };
    default: return { status: "aborted" };
  }
}

/** A promise that resolves after some seconds (never for Infinity, the longest that a timer can count), and a way to stop waiting. */
function deadline(seconds: number): { readonly passed: Promise<void>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    if (seconds * 1000 < 2 ** 31) timer = setTimeout(resolve, seconds * 1000);
  });
  return { passed, clear: () => clearTimeout(timer) };
}

/** A connection on five free ports. All are opened before any is closed, so that they differ. */
async function reserveConnection(): Promise<Connection> {
  const servers = await Promise.all(Array.from({ length: 5 }, async () => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    return server;
  }));
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number, number, number, number];
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { shell_port, iopub_port, stdin_port, control_port, hb_port, ip: "127.0.0.1", transport: "tcp", key: randomBytes(32).toString("hex"), signature_scheme: "hmac-sha256", kernel_name: "tslab" };
}
