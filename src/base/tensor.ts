import { ModlinguaError } from "./errors.js";

/** Element types by their ONNX names, in lower case. */
export type DType = "float32" | "float16" | "bfloat16" | "float64" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64" | "bool" | "string";

/** A dimension: a number, or the name of one that is known only at run time. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export type TypedArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** float16 and bfloat16 are held as their bits in a Uint16Array, bool as Uint8Array. */
export interface Tensor {
  readonly dtype: Exclude<DType, "string">;
  readonly dims: readonly number[];
  readonly data: TypedArray;
}

export interface FloatTensor extends Tensor {
  readonly dtype: "float32";
  readonly data: Float32Array;
}

export const bytesPerElement: Readonly<Record<Exclude<DType, "string">, number>> = {
  float32: 4, float16: 2, bfloat16: 2, float64: 8, int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, int64: 8, uint64: 8, bool: 1,
};

const arrays = {
  float32: Float32Array, float16: Uint16Array, bfloat16: Uint16Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array,
  int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
} as const;

/** Number of elements of a fully known shape. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

/** A tensor over `data`; throws where the number of elements is not the product of `dims`. */
export function tensor(dtype: Tensor["dtype"], dims: readonly number[], data: TypedArray): Tensor {
  if (data.length !== sizeOf(dims)) throw new ModlinguaError("graph", `a tensor of shape [${dims.join(", ")}] needs ${sizeOf(dims)} elements, got ${data.length}`);
  return { dtype, dims, data };
}

export function float32(dims: readonly number[], data: Float32Array | readonly number[] = new Float32Array(sizeOf(dims))): FloatTensor {
  return tensor("float32", dims, data instanceof Float32Array ? data : Float32Array.from(data)) as FloatTensor;
}

export function int64(dims: readonly number[], values: readonly (number | bigint)[] | BigInt64Array): Tensor {
  return tensor("int64", dims, values instanceof BigInt64Array ? values : BigInt64Array.from(values, BigInt));
}

/** A tensor over little-endian bytes (copied when they are not aligned for the element type). */
export function tensorFromBytes(dtype: Tensor["dtype"], dims: readonly number[], bytes: Uint8Array): Tensor {
  const width = bytesPerElement[dtype];
  if (bytes.byteLength !== width * sizeOf(dims)) {
    throw new ModlinguaError("format", `a ${dtype} tensor of shape [${dims.join(", ")}] needs ${width * sizeOf(dims)} bytes, got ${bytes.byteLength}`);
  }
  // a Buffer's slice() is a view; the constructor copies
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return tensor(dtype, dims, new arrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, sizeOf(dims)));
}

/** The little-endian bytes of a tensor, without a copy. */
export function bytesOfTensor({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Integer contents as plain numbers; throws for a value that a double cannot hold exactly. */
export function integers({ data }: Tensor): number[] {
  return Array.from(data as ArrayLike<number | bigint>, (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new ModlinguaError("graph", `${value} is not an integer this library can hold exactly`);
    return number;
  });
}

const halfBits = new Float32Array(1);
const halfWord = new Uint32Array(halfBits.buffer);

/** Nearest float16 of a number, as its 16 bits (ties to even; beyond 65504 infinity). */
export function toHalf(value: number): number {
  halfBits[0] = value;
  const word = halfWord[0]!;
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 112;
  const fraction = word & 0x7fffff;
  if (exponent >= 31) return sign | (((word >>> 23) & 0xff) === 255 && fraction !== 0 ? 0x7e00 : 0x7c00);
  if (exponent <= 0) {
    if (exponent < -10) return sign;
    const full = fraction | 0x800000;
    const shift = 14 - exponent;
    const half = full >>> shift;
    const rest = full & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
  }
  const half = (exponent << 10) | (fraction >>> 13);
  const rest = fraction & 0x1fff;
  return sign | (half + (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1) ? 1 : 0));
}

/** The number that 16 bits mean as a float16. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
