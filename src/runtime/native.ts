import * as ort from "onnxruntime-node";
import type { Tensor } from "../base/index.js";
import type { ModelSource, NativeOptions, ValueDescription } from "./protocol.js";

/* The only file that imports onnxruntime. It is loaded by the worker and by the device probe, never by the main thread. */

/** Failures come as errors that we word; the runtime need not print them as well. */
ort.env.logLevel = "fatal";

export type NativeSession = ort.InferenceSession;
export type NativeTensor = ort.Tensor;

export const supportedBackends = (): readonly string[] => ort.listSupportedBackends().map(({ name }) => name);

/** Opens a session; `strict` refuses to let the CPU take over what the device cannot do. */
export function openNative(model: ModelSource, options: NativeOptions, strict = false): Promise<NativeSession> {
  const native = nativeOptions(options, "bytes" in model ? model.folder : undefined, strict);
  return "path" in model ? ort.InferenceSession.create(model.path, native) : ort.InferenceSession.create(model.bytes, native);
}

/** The binding throws for a key that is present with the value undefined, so absent ones are left out. */
function nativeOptions(options: NativeOptions, folder: string | undefined, strict: boolean): ort.InferenceSession.SessionOptions {
  const session = {
    ...(options.prepacking ? {} : { disable_prepacking: "1" }),
    ...(options.spinning ? {} : { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } }),
    ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
    ...(strict ? { disable_cpu_ep_fallback: "1" } : {}),
  };
  const optimization = options.disabledOptimizers.length === 0 ? {} : { disable_specified_optimizers: options.disabledOptimizers.join(";") };
  return {
    executionProviders: [options.device],
    executionMode: "sequential",
    graphOptimizationLevel: options.optimization,
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    enableCpuMemArena: options.arena,
    enableMemPattern: options.memoryPattern,
    logSeverityLevel: 4,
    extra: { session, optimization },
  };
}

export function toNative({ dtype, data, dims }: Tensor): NativeTensor {
  return new ort.Tensor(dtype as ort.Tensor.Type, data as ort.Tensor.DataType, dims);
}

/** A CPU tensor as ours. Newer Node versions give float16 as a Float16Array; we hold its bits. */
export function fromNative({ type, dims, data }: NativeTensor): Tensor {
  const values = data as Tensor["data"];
  return {
    dtype: type as Tensor["dtype"],
    dims,
    data: type === "float16" && !(values instanceof Uint16Array) ? new Uint16Array((values as Tensor["data"]).buffer, (values as Tensor["data"]).byteOffset, (values as Tensor["data"]).length) : values,
  };
}

export function describe(values: readonly ort.InferenceSession.ValueMetadata[]): ValueDescription[] {
  return values.map((value) => (value.isTensor ? { name: value.name, dtype: value.type as Tensor["dtype"], shape: value.shape } : { name: value.name }));
}
