import type { DType, Dim } from "../base/index.js";

/** An ONNX model as plain data: onnx.proto3 without what a computation does not need (doc strings, producer versions, annotations). */
export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName?: string;
  readonly opsetImport: readonly OnnxOpset[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly graph: OnnxGraph;
  /** Local functions, called by nodes of their domain and name. */
  readonly functions: readonly OnnxFunction[];
}

export interface OnnxOpset {
  readonly domain: string;
  readonly version: number;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly valueInfo: readonly OnnxValueInfo[];
}

export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of attributes a call must give; those with a default are in `attributeDefaults`. */
  readonly attributes: readonly string[];
  readonly attributeDefaults: readonly OnnxAttribute[];
  readonly nodes: readonly OnnxNode[];
  readonly opsetImport: readonly OnnxOpset[];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  /** Names of values; "" where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

export interface OnnxAttribute {
  readonly name: string;
  readonly value: OnnxAttributeValue;
}

/** Integers are numbers where they are safe, bigints otherwise; strings that are not UTF-8 come as `bytes`. */
export type OnnxAttributeValue =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number | bigint }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly (number | bigint)[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensors"; readonly value: readonly OnnxTensor[] }
  | { readonly kind: "graphs"; readonly value: readonly OnnxGraph[] }
  /** In a local function: the attribute of the call with this name, of AttributeProto's type number `type`. */
  | { readonly kind: "reference"; readonly value: string; readonly type: number };

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: OnnxTensorData;
}

/**
 * Little-endian bytes in row-major order, or the range of a file where they lie.
 * The bytes of a string tensor are its `string_data` fields as they stand in the file.
 */
export type OnnxTensorData =
  | { readonly inline: Uint8Array }
  | { readonly external: OnnxExternalRange };

export interface OnnxExternalRange {
  /** Absolute, links resolved. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export interface OnnxValueInfo {
  readonly name: string;
  /** Absent for what is not a dense tensor (sequences, optionals). */
  readonly dtype?: DType;
  /** Absent where not even the rank is known. A dimension without a number or a name gets a name of its own, `?1`, `?2`, … */
  readonly shape?: readonly Dim[];
}

/** TensorProto.DataType numbers of the element types this library knows. */
export const onnxTypeNumbers: Readonly<Record<DType, number>> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16,
};

/** AttributeProto.AttributeType numbers. */
export const onnxAttributeTypes = { float: 1, int: 2, string: 3, bytes: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8, tensors: 9, graphs: 10 } as const;

/** Subgraphs in subgraphs deeper than this are refused: no real model has them, and some runtimes hang on them. */
export const maximalSubgraphDepth = 32;
