import type { Dim, Tensor } from "../base/index.js";

/** Devices a session can run on. */
export type DeviceName = "cpu" | "cuda" | "webgpu";

/** A model as the bytes of an `.onnx` file, with the folder its external data is relative to; or the path of such a file. */
export type ModelSource = { readonly bytes: Uint8Array; readonly folder?: string } | { readonly path: string };

/** Options of a native session, all of them decided. */
export interface NativeOptions {
  readonly device: DeviceName;
  readonly threads: number;
  readonly spinning: boolean;
  readonly prepacking: boolean;
  readonly arena: boolean;
  readonly memoryPattern: boolean;
  readonly optimization: "disabled" | "basic" | "extended" | "all";
  readonly disabledOptimizers: readonly string[];
}

/** What a session says about one of its inputs or outputs; dtype and shape are absent for what is not a tensor. */
export interface ValueDescription {
  readonly name: string;
  readonly dtype?: Tensor["dtype"];
  readonly shape?: readonly Dim[];
}

/** What the main thread asks of the worker. */
export type Request =
  | { readonly kind: "open"; readonly session: number; readonly model: ModelSource; readonly options: NativeOptions }
  | { readonly kind: "run"; readonly session: number; readonly feeds: Readonly<Record<string, Tensor>>; readonly resident: readonly string[]; readonly outputs: readonly string[] }
  | { readonly kind: "close"; readonly session: number }
  | { readonly kind: "place"; readonly table: string; readonly tensors: Readonly<Record<string, Tensor>> }
  | { readonly kind: "drop"; readonly table: string };

/** What each kind of request is answered with. */
export interface Answers {
  readonly open: { readonly inputs: readonly ValueDescription[]; readonly outputs: readonly ValueDescription[] };
  readonly run: Readonly<Record<string, Tensor>>;
  readonly close: null;
  readonly place: null;
  readonly drop: null;
}

export type Reply = { readonly id: number; readonly answer: Answers[Request["kind"]] } | { readonly id: number; readonly failure: string };
