import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ModlinguaError, bytesOfTensor, fromHalf, sizeOf } from "../base/index.js";
import { openSafetensors } from "../formats/index.js";
import type { SafetensorsFile } from "../formats/index.js";

const gunzipAsync = promisify(gunzip);
const weightsPerBlock = 32;
const codeBytesPerBlock = 16;
const rowsPerChunk = 2048;

/** How one weight is written into the ONNX file: as it is, transposed, or quantised to int8 by row (values, their scales) or by column. */
export type Encoding = "f32" | "f32t" | "q8" | "q8scale" | "q8t";

type StreamName = "codes" | "scale_lo" | "scale_hi" | "f32";

/** Where the weights of a pack lie: matrices in 4-bit blocks, vectors in float32, both in streams of gzip members. */
export interface WeightLayout {
  readonly block: number;
  readonly blocks: number;
  readonly floats: number;
  readonly streams: Readonly<Record<StreamName, readonly (readonly [file: string, tensor: string])[]>>;
  readonly q4: Readonly<Record<string, Q4Place>>;
  readonly f32: Readonly<Record<string, { readonly shape: readonly number[]; readonly offset: number }>>;
}

interface Q4Place {
  readonly shape: readonly [rows: number, columns: number];
  /** Index of the matrix's first block. */
  readonly block: number;
}

/** Reads the streams of a pack; the members of all of them are inflated in parallel. */
export async function readPackedWeights(folder: string, layout: WeightLayout): Promise<PackedWeights> {
  const files = new Map<string, SafetensorsFile>();
  const member = (file: string, name: string): Promise<Uint8Array> => {
    const opened = files.get(file) ?? openSafetensors(join(folder, file));
    files.set(file, opened);
    return inflate(bytesOfTensor(opened.tensor(name)), join(folder, file));
  };
  const stream = async (name: StreamName, size: number): Promise<Uint8Array> => {
    const bytes = Buffer.concat(await Promise.all(layout.streams[name].map(([file, key]) => member(file, key))));
    if (bytes.byteLength !== size) throw new ModlinguaError("backbone", `stream ${JSON.stringify(name)} holds ${bytes.byteLength} bytes, expected ${size}`, { file: join(folder, "pack.json") });
    return bytes;
  };
  const [codes, low, high, floats] = await Promise.all([
    stream("codes", layout.blocks * codeBytesPerBlock), stream("scale_lo", layout.blocks), stream("scale_hi", layout.blocks), stream("f32", layout.floats * 4),
  ]);
  return new PackedWeights(layout, codes, low, high, floats);
}

/** Inflates gzip bytes; `file` is where they came from, for the refusal of damaged ones. */
export async function inflate(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  try {
    return await gunzipAsync(bytes);
  } catch (cause) {
    throw new ModlinguaError("format", `holds damaged gzip data (${(cause as Error).message})`, { file, remedy: "fetch it again", cause });
  }
}

/** The weights of a pack, decoded piece by piece on demand. */
export class PackedWeights {
  readonly #halves = Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));

  constructor(
    readonly layout: WeightLayout,
    readonly codes: Uint8Array,
    /** Low and high bytes of the float16 scale of each block. */
    readonly low: Uint8Array,
    readonly high: Uint8Array,
    readonly floats: Uint8Array,
  ) {}

  /** The bytes of one weight in the wanted encoding, in chunks that stay valid until the next but one is asked for. */
  *encode(encoding: Encoding, name: string): Generator<Uint8Array> {
    const vector = this.layout.f32[name];
    const matrix = this.layout.q4[name];
    if (vector !== undefined) yield this.floats.subarray(vector.offset * 4, (vector.offset + sizeOf(vector.shape)) * 4);
    else if (matrix === undefined) throw new ModlinguaError("backbone", `the pack has no weight ${JSON.stringify(name)}`);
    else if (encoding === "f32t" || encoding === "q8t") yield this.#transposed(matrix, encoding);
    else yield* this.#byRows(matrix, encoding);
  }

  *#byRows(matrix: Q4Place, encoding: "f32" | "q8" | "q8scale"): Generator<Uint8Array> {
    const [rows, columns] = matrix.shape;
    for (let first = 0; first < rows; first += rowsPerChunk) {
      const values = this.#decode(matrix, first, Math.min(rows, first + rowsPerChunk));
      if (encoding === "f32") yield bytesOf(values);
      else {
        const scales = rowScales(values, columns);
        yield bytesOf(encoding === "q8scale" ? scales : quantised(values, scales, columns));
      }
    }
  }

  #transposed(matrix: Q4Place, encoding: "f32t" | "q8t"): Uint8Array {
    const [rows, columns] = matrix.shape;
    const values = this.#decode(matrix, 0, rows);
    if (encoding === "f32t") return bytesOf(transpose(values, new Float32Array(values.length), rows, columns));
    return bytesOf(transpose(quantised(values, rowScales(values, columns), columns), new Int8Array(values.length), rows, columns));
  }

  /** Rows [first, end) of a matrix. In the 16 code bytes of a block, byte j holds weight j in its low and weight 16 + j in its high half. */
  #decode({ shape, block }: Q4Place, first: number, end: number): Float32Array {
    const { codes, low, high } = this;
    const blocksPerRow = shape[1] / weightsPerBlock;
    const values = new Float32Array((end - first) * shape[1]);
    let out = 0;
    for (let b = block + first * blocksPerRow; b < block + end * blocksPerRow; b++, out += weightsPerBlock) {
      const scale = this.#halves[low[b]! | (high[b]! << 8)]!;
      for (let j = 0, code = b * codeBytesPerBlock; j < codeBytesPerBlock; j++, code++) {
        const pair = codes[code]!;
        values[out + j] = ((pair & 15) - 8) * scale;
        values[out + 16 + j] = ((pair >> 4) - 8) * scale;
      }
    }
    return values;
  }
}

/** Symmetric int8 scales: the largest absolute value of each row is 127. A row of zeros has scale 1. */
function rowScales(values: Float32Array, columns: number): Float32Array {
  const scales = new Float32Array(values.length / columns);
  for (let row = 0; row < scales.length; row++) {
    let largest = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) largest = Math.max(largest, Math.abs(values[i]!));
    scales[row] = largest === 0 ? 1 : largest / 127;
  }
  return scales;
}

/** Divided and rounded in float32, half to even, as the exporter's quantiser did: the checksum depends on it. */
function quantised(values: Float32Array, scales: Float32Array, columns: number): Int8Array {
  const whole = new Int8Array(values.length);
  const ratio = new Float32Array(1);
  for (let row = 0, i = 0; row < scales.length; row++) {
    for (const end = (row + 1) * columns; i < end; i++) {
      ratio[0] = values[i]! / scales[row]!;
      whole[i] = roundHalfToEven(ratio[0]!);
    }
  }
  return whole;
}

/** Adding and taking away 1.5 · 2⁵² leaves a double no bits for a fraction, and the processor rounds half to even. */
function roundHalfToEven(value: number): number {
  return value + 6755399441055744 - 6755399441055744;
}

function transpose<A extends Float32Array | Int8Array>(from: A, to: A, rows: number, columns: number): A {
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column]!;
  return to;
}

function bytesOf(array: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
