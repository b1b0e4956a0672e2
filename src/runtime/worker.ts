import { parentPort, workerData } from "node:worker_threads";
import type { Tensor } from "../base/index.js";
import { type NativeSession, type NativeTensor, describe, fromNative, openNative, toNative } from "./native.js";
import { busyWord, closingWord } from "./sharedState.js";
import type { Answers, Reply, Request } from "./protocol.js";

/* The thread in which all sessions of the process live. Requests are served one after another, in the order they come. */

const sessions = new Map<number, NativeSession>();
const tables = new Map<string, ReadonlyMap<string, NativeTensor>>();

type Handlers = { readonly [Kind in Request["kind"]]: (request: Extract<Request, { kind: Kind }>) => Promise<Answers[Kind]> | Answers[Kind] };

const handlers: Handlers = {
  async open({ session, model, options }) {
    const native = await openNative(model, options);
    sessions.set(session, native);
    return { inputs: describe(native.inputMetadata), outputs: describe(native.outputMetadata) };
  },
  async run({ session, feeds, resident, outputs }) {
    const native = sessions.get(session)!;
    const all: Record<string, NativeTensor> = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toNative(tensor)]));
    for (let index = 0; index < resident.length; index += 3) all[resident[index]!] = residentTensor(resident[index + 1]!, resident[index + 2]!);
    const results = await native.run(all, outputs);
    return Object.fromEntries(outputs.map((name) => [name, fromNative(results[name]!)]));
  },
  async close({ session }) {
    await sessions.get(session)?.release();
    sessions.delete(session);
    return null;
  },
  place({ table, tensors }) {
    tables.set(table, new Map(Object.entries(tensors).map(([name, tensor]) => [name, toNative(tensor)])));
    return null;
  },
  drop({ table }) {
    tables.delete(table);
    return null;
  },
};

function residentTensor(table: string, name: string): NativeTensor {
  const found = tables.get(table)?.get(name);
  if (found === undefined) throw new Error(`no resident tensor ${name} in table ${table}`);
  return found;
}

const state = workerData as Int32Array;

/** Serves one request; the shared words tell the main thread that a native call is under way. */
async function serve(id: number, request: Request): Promise<void> {
  Atomics.store(state, busyWord, 1);
  if (Atomics.load(state, closingWord) === 0) await answer(id, request);
  Atomics.store(state, busyWord, 0);
  Atomics.notify(state, busyWord);
}

async function answer(id: number, request: Request): Promise<void> {
  try {
    const handler = handlers[request.kind] as (request: Request) => Promise<Answers[Request["kind"]]> | Answers[Request["kind"]];
    const result = await handler(request);
    reply({ id, answer: result }, request.kind === "run" ? buffersOf(result as Answers["run"]) : []);
  } catch (error) {
    reply({ id, failure: error instanceof Error ? error.message : String(error) });
  }
}

function buffersOf(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer))];
}

function reply(message: Reply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer);
}

let last: Promise<void> = Promise.resolve();
parentPort!.on("message", ({ id, request }: { readonly id: number; readonly request: Request }) => {
  last = last.then(() => serve(id, request));
});
