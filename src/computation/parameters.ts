import { type FloatTensor, ModlinguaError, sizeOf } from "../base/index.js";

/** The parameters of one module by name. `version` grows with every change, so that copies elsewhere (in a session) know when they are stale. */
export class ParameterTable {
  private readonly tensors = new Map<string, FloatTensor>();
  private changes = 0;

  constructor(entries: Iterable<readonly [string, FloatTensor]> = []) {
    for (const [name, value] of entries) this.tensors.set(name, value);
  }

  get names(): string[] {
    return [...this.tensors.keys()];
  }

  /** How many numbers the table holds. */
  get count(): number {
    return [...this.tensors.values()].reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  }

  get version(): number {
    return this.changes;
  }

  entries(): [string, FloatTensor][] {
    return [...this.tensors];
  }

  get(name: string): FloatTensor | undefined {
    return this.tensors.get(name);
  }

  set(name: string, value: FloatTensor): void {
    this.tensors.set(name, value);
    this.changes++;
  }

  /** Says that the numbers of some tensors were changed in place. */
  touch(): void {
    this.changes++;
  }

  /** Takes over the numbers of a table of the same names and shapes. */
  copyFrom(other: ParameterTable): void {
    for (const [name, target] of this.tensors) {
      const source = other.get(name);
      if (source === undefined || source.data.length !== target.data.length) {
        throw new ModlinguaError("config", `cannot take over ${name}: ${source === undefined ? "it is missing" : `[${source.dims.join(", ")}] against [${target.dims.join(", ")}]`}`);
      }
      target.data.set(source.data);
    }
    this.touch();
  }
}
