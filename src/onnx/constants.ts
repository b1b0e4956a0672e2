import { closeSync, openSync, readSync } from "node:fs";
import { ModlinguaError, type Tensor, fromHalf, tensorFromBytes } from "../base/index.js";
import type { ConstantData } from "./graph.js";

/** The tensor of a constant, read from its file where it lies in one. */
export function readConstant(constant: ConstantData): Tensor {
  if ("inline" in constant) return constant.inline;
  const { file, offset, length, dtype, dims } = constant.external;
  const bytes = new Uint8Array(length);
  const descriptor = openSync(file, "r");
  try {
    const read = readSync(descriptor, bytes, 0, length, offset);
    if (read < length) throw new ModlinguaError("io", `ends within a weight of shape [${dims.join(", ")}]`, { file, remedy: "fetch the model again" });
  } finally {
    closeSync(descriptor);
  }
  return tensorFromBytes(dtype, dims, bytes);
}

/** The numbers of a float tensor; undefined for any other. */
export function floatsOf({ dtype, data }: Tensor): Float32Array | undefined {
  if (dtype === "float32") return data as Float32Array;
  return dtype === "float16" ? Float32Array.from(data as Uint16Array, fromHalf) : undefined;
}
