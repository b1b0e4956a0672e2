import type { ParameterTable } from "../computation/index.js";
import { type ResidentTensor, dropTensors, isPlaced, placeTensors } from "../runtime/index.js";
import type { Binding } from "./build.js";
import type { Holder } from "./structure.js";

interface Placed {
  readonly key: string;
  version: number;
}

/** Where each parameter table lies in the runtime's thread, and which of its versions. */
const placed = new WeakMap<ParameterTable, Placed>();
const forgotten = new FinalizationRegistry<string>(dropTensors);
let counter = 0;

/** Names the tensors that feed the bindings; tables that are new or were changed are handed to the runtime first. */
export function residentOf(bindings: readonly Binding[], slots: ReadonlyMap<string, Holder>): { readonly resident: Record<string, ResidentTensor> } {
  const keys = new Map([...slots].map(([slot, { parameters }]) => [slot, place(parameters)]));
  return { resident: Object.fromEntries(bindings.map(({ input, slot, name }) => [input, { table: keys.get(slot)!, name }])) };
}

function place(table: ParameterTable): string {
  const known = placed.get(table);
  if (known?.version === table.version && isPlaced(known.key)) return known.key;
  const entry = known ?? { key: `parameters ${++counter}`, version: -1 };
  placeTensors(entry.key, Object.fromEntries(table.entries()));
  if (known === undefined) {
    placed.set(table, entry);
    forgotten.register(table, entry.key);
  }
  entry.version = table.version;
  return entry.key;
}
