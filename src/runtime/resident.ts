import { ModlinguaError, type Tensor, unknownName } from "../base/index.js";
import { type RuntimeHost, sharedHost } from "./host.js";

/** One tensor of a table that was placed before. */
export interface ResidentTensor {
  readonly table: string;
  readonly name: string;
}

type Shapes = ReadonlyMap<string, Pick<Tensor, "dtype" | "dims">>;

/** What lies in the worker of each host. A host that stopped takes its tables with it. */
const placed = new WeakMap<RuntimeHost, Map<string, Shapes>>();

/**
 * Copies a table of tensors once to the thread that runs models, under a key, replacing what was there. Runs name its tensors in
 * `resident`, which costs nothing per weight: to exchange a language adapter is to name another table. Takes effect for runs that
 * are asked for afterwards.
 */
export function placeTensors(key: string, tensors: Readonly<Record<string, Tensor>>): void {
  const host = sharedHost();
  const copies = compacted(tensors);
  tablesOf(host).set(key, new Map(Object.entries(tensors).map(([name, { dtype, dims }]) => [name, { dtype, dims: [...dims] }])));
  host.ask({ kind: "place", table: key, tensors: copies }, transferable(copies)).catch(stoppedLater);
}

/** Whether a table lies in the thread; a thread that died took its tables with it. */
export function isPlaced(key: string): boolean {
  return tablesOf(sharedHost()).has(key);
}

/** Frees a table; nothing happens where there is none of that key. */
export function dropTensors(key: string): void {
  const host = sharedHost();
  if (tablesOf(host).delete(key)) host.ask({ kind: "drop", table: key }).catch(stoppedLater);
}

/** If the thread stops meanwhile, the next run says so; nobody waits for this request. */
function stoppedLater(): void {}

function tablesOf(host: RuntimeHost): Map<string, Shapes> {
  const tables = placed.get(host) ?? new Map<string, Shapes>();
  placed.set(host, tables);
  return tables;
}

/** Type and shape of a placed tensor; throws where it was not placed. */
export function residentDescription(host: RuntimeHost, { table, name }: ResidentTensor): Pick<Tensor, "dtype" | "dims"> {
  const tables = tablesOf(host);
  const found = tables.get(table);
  if (found === undefined) throw unknownName("graph", "table of resident tensors", table, [...tables.keys()]);
  return found.get(name) ?? refuseName(table, name, found);
}

function refuseName(table: string, name: string, found: Shapes): never {
  throw unknownName("graph", `tensor in the resident table ${JSON.stringify(table)}`, name, [...found.keys()]);
}

/**
 * Copies of tensors that own exactly their bytes. Sending a view would send the whole memory it looks into, and sending by copy
 * copies twice (once to serialise, once to read), so one copy is made here and handed over.
 */
export function compacted(tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return mapped(tensors, ({ dtype, dims, data }) => ({ dtype, dims, data: data.slice() }));
}

/** The same tensors where they own their memory, so that it can be handed over; copies of those that share it. */
export function owned(tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return mapped(tensors, (tensor) => {
    const { dtype, dims, data } = tensor;
    return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength ? tensor : { dtype, dims, data: data.slice() };
  });
}

function mapped(tensors: Readonly<Record<string, Tensor>>, send: (tensor: Tensor) => Tensor): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => {
    if (tensor.dtype === "bfloat16") throw new ModlinguaError("graph", "the runtime does not take bfloat16", { place: `tensor ${name}`, remedy: "convert it to float32" });
    return [name, send(tensor)];
  }));
}

export function transferable(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(tensors).map(({ data }) => data.buffer))].filter((buffer) => buffer instanceof ArrayBuffer);
}
