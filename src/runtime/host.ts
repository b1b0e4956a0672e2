import { Worker } from "node:worker_threads";
import { ModlinguaError } from "../base/index.js";
import type { Answers, Reply, Request } from "./protocol.js";
import { busyWord, closingWord } from "./sharedState.js";

/** Requests in the worker at one time: the next is there when one ends, the others can still be called back. */
const inFlightLimit = 2;

interface Job {
  readonly request: Request;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (answer: Answers[Request["kind"]]) => void;
  readonly reject: (error: Error) => void;
}

/** How long the end of the process waits for a native call, in milliseconds. */
const exitPatience = 60_000;

/** The failure of a native call, before someone who knows what was asked words it. */
export class NativeFailure extends Error {}

/**
 * The main thread's side of the worker. While work is pending the worker keeps the process alive, otherwise it does not.
 * When the worker stops, everything pending is refused and the host is of no further use.
 */
export class RuntimeHost {
  readonly worker: Worker;
  /** Why the worker is gone, once it is. */
  stopped: ModlinguaError | undefined;
  private readonly waiting: Job[] = [];
  private readonly inFlight = new Map<number, Job>();
  private readonly state = new Int32Array(new SharedArrayBuffer(8));
  private counter = 0;

  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { execArgv: [], workerData: this.state });
    this.worker.unref();
    process.once("exit", this.letNativeCallEnd);
    this.worker.on("message", (reply: Reply) => this.settle(reply));
    this.worker.on("error", (error) => this.stop(error.message));
    this.worker.on("exit", (code) => this.stop(`it ended with code ${code}`));
  }

  /** Sends a request; an abort rejects at once, and takes the request back if the worker does not have it yet. */
  ask<Kind extends Request["kind"]>(request: Extract<Request, { kind: Kind }>, transfer: readonly ArrayBuffer[] = [], signal?: AbortSignal): Promise<Answers[Kind]> {
    return new Promise((resolve, reject) => {
      if (this.stopped !== undefined) return reject(this.stopped);
      const abort = (): void => {
        this.withdraw(job);
        reject(abortedError(signal));
      };
      const done = (): void => signal?.removeEventListener("abort", abort);
      const job: Job = {
        request,
        transfer,
        resolve: (answer) => { done(); resolve(answer as Answers[Kind]); },
        reject: (error) => { done(); reject(error); },
      };
      if (signal?.aborted) return reject(abortedError(signal));
      signal?.addEventListener("abort", abort, { once: true });
      this.waiting.push(job);
      this.advance();
    });
  }

  private withdraw(job: Job): void {
    const index = this.waiting.indexOf(job);
    if (index >= 0) this.waiting.splice(index, 1);
    this.hold();
  }

  private advance(): void {
    while (this.inFlight.size < inFlightLimit) {
      const job = this.waiting.shift();
      if (job === undefined) break;
      const id = ++this.counter;
      this.inFlight.set(id, job);
      this.worker.postMessage({ id, request: job.request }, job.transfer);
    }
    this.hold();
  }

  private settle(reply: Reply): void {
    const job = this.inFlight.get(reply.id);
    this.inFlight.delete(reply.id);
    this.advance();
    if ("failure" in reply) job?.reject(new NativeFailure(reply.failure));
    else job?.resolve(reply.answer);
  }

  private hold(): void {
    if (this.inFlight.size + this.waiting.length > 0) this.worker.ref();
    else this.worker.unref();
  }

  /** Ending a thread in the middle of a native call aborts the process, so `process.exit` waits for that call. */
  private readonly letNativeCallEnd = (): void => {
    Atomics.store(this.state, closingWord, 1);
    Atomics.wait(this.state, busyWord, 1, exitPatience);
  };

  private stop(reason: string): void {
    process.removeListener("exit", this.letNativeCallEnd);
    this.stopped ??= new ModlinguaError("device", `the thread that runs models stopped (${reason})`, { remedy: "open the session again; placed tensors must be placed again" });
    const lost = [...this.inFlight.values(), ...this.waiting];
    this.inFlight.clear();
    this.waiting.length = 0;
    for (const job of lost) job.reject(this.stopped);
  }
}

function abortedError(signal: AbortSignal | undefined): ModlinguaError {
  return new ModlinguaError("aborted", "the run was interrupted", { cause: signal?.reason });
}

let shared: RuntimeHost | undefined;

/** The host all sessions of the process share, so that their thread pools do not compete; a fresh one after a crash. */
export function sharedHost(): RuntimeHost {
  if (shared === undefined || shared.stopped !== undefined) shared = new RuntimeHost();
  return shared;
}
