// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The element types of safetensors files, and conversion to and from them.
// Bytes are little-endian in the file and on every machine that has WebGPU, so
// typed arrays view them directly.

import type { TypedArray } from "../../engine/mod.ts";

/** The typed arrays that a tensor can be written from. */
export type SafetensorsValues =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The element types of the safetensors format. */
export type SafetensorsDtype =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

interface DtypeInfo {
  /** The number of bits of one element. */
  bits: number;
  /** Converts to elements of the engine, if it has a type for them. */
  read?: (bytes: Uint8Array) => TypedArray;
  /** Converts to bytes of the file, if writing is supported. */
  write?: (values: SafetensorsValues) => ArrayBufferView;
}

/**
 * One row per element type, in the order of the format's own enumeration. Files
 * hold tensors in the reverse of this order.
 */
const DTYPES: Readonly<Record<SafetensorsDtype, DtypeInfo>> = {
  BOOL: {
    bits: 8,
    read: (bytes) => Uint32Array.from(bytes),
    write: (values) => integers(values, Uint8Array, 0, 1),
  },
  F4: { bits: 4 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  U8: {
    bits: 8,
    read: (bytes) => Uint32Array.from(bytes),
    write: (values) => integers(values, Uint8Array, 0, 255),
  },
  I8: {
    bits: 8,
    read: (bytes) => Int32Array.from(view(bytes, Int8Array)),
    write: (values) => integers(values, Int8Array, -128, 127),
  },
  F8_E5M2: { bits: 8, read: readE5M2 },
  F8_E4M3: { bits: 8, read: readE4M3 },
  F8_E8M0: { bits: 8 },
  F8_E4M3FNUZ: { bits: 8 },
  F8_E5M2FNUZ: { bits: 8 },
  I16: {
    bits: 16,
    read: (bytes) => Int32Array.from(view(bytes, Int16Array)),
    write: (values) => integers(values, Int16Array, -32768, 32767),
  },
  U16: {
    bits: 16,
    read: (bytes) => Uint32Array.from(view(bytes, Uint16Array)),
    write: (values) => integers(values, Uint16Array, 0, 65535),
  },
  F16: {
    bits: 16,
    read: (bytes) => new Float32Array(view(bytes, Float16Array)),
    write: (values) => Float16Array.from(numbers(values)),
  },
  BF16: { bits: 16, read: readBf16, write: writeBf16 },
  I32: {
    bits: 32,
    read: (bytes) => view(bytes, Int32Array),
    write: (values) => integers(values, Int32Array, -(2 ** 31), 2 ** 31 - 1),
  },
  U32: {
    bits: 32,
    read: (bytes) => view(bytes, Uint32Array),
    write: (values) => integers(values, Uint32Array, 0, 2 ** 32 - 1),
  },
  F32: {
    bits: 32,
    read: (bytes) => view(bytes, Float32Array),
    write: (values) =>
      values instanceof Float32Array
        ? values
        : Float32Array.from(numbers(values)),
  },
  C64: { bits: 64 },
  F64: {
    bits: 64,
    read: (bytes) => new Float32Array(view(bytes, Float64Array)),
    write: (values) => Float64Array.from(numbers(values)),
  },
  I64: {
    bits: 64,
    read: (bytes) => narrow(view(bytes, BigInt64Array), Int32Array),
    write: (values) => BigInt64Array.from(bigints(values, -(2n ** 63n))),
  },
  U64: {
    bits: 64,
    read: (bytes) => narrow(view(bytes, BigUint64Array), Uint32Array),
    write: (values) => BigUint64Array.from(bigints(values, 0n)),
  },
};

const NAMES = Object.keys(DTYPES) as SafetensorsDtype[];

/** Whether `name` is an element type of the format. */
export function isDtype(name: unknown): name is SafetensorsDtype {
  return typeof name === "string" && Object.hasOwn(DTYPES, name);
}

/** The number of bits of one element. */
export function bitsOf(dtype: SafetensorsDtype): number {
  return DTYPES[dtype].bits;
}

/** The rank of a type in the layout of a file. Lower ranks come first. */
export function layoutRank(dtype: SafetensorsDtype): number {
  return -NAMES.indexOf(dtype);
}

/**
 * Converts bytes of a file to elements on the host.
 *
 * @param dtype The element type in the file.
 * @param bytes The bytes.
 * @param label The name of the tensor, for errors.
 */
export function decode(
  dtype: SafetensorsDtype,
  bytes: Uint8Array,
  label: string,
): TypedArray {
  const { read } = DTYPES[dtype];
  if (read === undefined) {
    throw new TypeError(
      `Cannot read ${label}: dtype ${dtype} is not supported, expected one of ` +
        NAMES.filter((name) => DTYPES[name].read !== undefined).join(", "),
    );
  }
  try {
    return read(bytes);
  } catch (error) {
    throw labeled(error, `Cannot read ${label} of dtype ${dtype}`);
  }
}

/**
 * Converts elements on the host to bytes of a file, after checking their
 * number. An `ArrayBuffer` holds the bytes already.
 */
export function encodeTensor(
  name: string,
  tensor: { dtype: SafetensorsDtype; shape: readonly number[] },
  data: SafetensorsValues | ArrayBuffer,
): Uint8Array {
  const { dtype, shape } = tensor;
  const label = `tensor ${JSON.stringify(name)}`;
  const count = shape.reduce((product, size) => product * size, 1);
  const raw = data instanceof ArrayBuffer;
  const given = raw ? data.byteLength : data.length;
  const expected = raw ? count * DTYPES[dtype].bits / 8 : count;
  if (given !== expected) {
    throw new TypeError(
      `Cannot write ${label} of shape [${shape.join(", ")}]: the data has ` +
        `${given} ${raw ? "bytes" : "elements"}, expected ${expected}`,
    );
  }
  if (raw) return new Uint8Array(data);
  const { write } = DTYPES[dtype];
  if (write === undefined) {
    throw new TypeError(
      `Cannot write ${label}: dtype ${dtype} is not supported, expected one of ` +
        NAMES.filter((name) => DTYPES[name].write !== undefined).join(", "),
    );
  }
  try {
    const { buffer, byteOffset, byteLength } = write(data);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw labeled(error, `Cannot write ${label} as ${dtype}`);
  }
}

/** The element type that holds the elements of a typed array exactly. */
export function naturalDtype(values: SafetensorsValues): SafetensorsDtype {
  if (values instanceof Float32Array) return "F32";
  if (values instanceof Float64Array) return "F64";
  if (values instanceof Float16Array) return "F16";
  if (values instanceof Int32Array) return "I32";
  if (values instanceof Uint32Array) return "U32";
  if (values instanceof Int16Array) return "I16";
  if (values instanceof Uint16Array) return "U16";
  if (values instanceof Int8Array) return "I8";
  if (values instanceof Uint8Array) return "U8";
  return values instanceof BigInt64Array ? "I64" : "U64";
}

function labeled(error: unknown, prefix: string): unknown {
  return error instanceof RangeError
    ? new RangeError(`${prefix}: ${error.message}`, { cause: error })
    : error;
}

interface ViewType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, offset: number, length: number): T;
}

/**
 * Views bytes as elements of another type; copies them if they are not aligned.
 */
function view<T>(bytes: Uint8Array, type: ViewType<T>): T {
  const size = type.BYTES_PER_ELEMENT;
  const shared = !(bytes.buffer instanceof ArrayBuffer);
  const own = shared || bytes.byteOffset % size !== 0 ? bytes.slice() : bytes;
  const { buffer, byteOffset, byteLength } = own;
  return new type(buffer as ArrayBuffer, byteOffset, byteLength / size);
}

interface IntegerType<T> {
  new (length: number): T;
}

function narrow<T extends Int32Array | Uint32Array>(
  values: BigInt64Array | BigUint64Array,
  type: IntegerType<T>,
): T {
  const result = new type(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    result[i] = value;
    if (result[i] !== value) {
      throw new RangeError(
        `element ${i} is ${values[i]}, which does not fit in 32 bits`,
      );
    }
  }
  return result;
}

function numbers(values: SafetensorsValues): ArrayLike<number> {
  return values instanceof BigInt64Array || values instanceof BigUint64Array
    ? Array.from(values, Number)
    : values;
}

function integers<T extends ArrayBufferView & { [index: number]: number }>(
  values: SafetensorsValues,
  type: IntegerType<T>,
  low: number,
  high: number,
): T {
  const result = new type(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (!(Number.isInteger(value) && value >= low && value <= high)) {
      throw new RangeError(
        `element ${i} is ${
          values[i]
        }, expected an integer from ${low} to ${high}`,
      );
    }
    result[i] = value;
  }
  return result;
}

function bigints(values: SafetensorsValues, low: bigint): bigint[] {
  return Array.from(values as ArrayLike<number | bigint>, (value, i) => {
    const whole = typeof value === "bigint" || Number.isInteger(value);
    const high = low + 2n ** 64n;
    if (whole && BigInt(value) >= low && BigInt(value) < high) {
      return BigInt(value);
    }
    throw new RangeError(
      `element ${i} is ${value}, expected an integer from ${low} to ${
        high - 1n
      }`,
    );
  });
}

function readBf16(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const halves = view(bytes, Uint16Array);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (halves[i] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

function writeBf16(values: SafetensorsValues): Uint16Array {
  const floats = Float32Array.from(numbers(values));
  const bits = new Uint32Array(floats.buffer);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i] ?? 0;
    // Rounding could turn a NaN into a number, so its upper bits are kept
    // instead.
    halves[i] = Number.isNaN(floats[i])
      ? (x >>> 16) | 0x40
      : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return halves;
}

function readE5M2(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const halves = Uint16Array.from(bytes, (byte) => byte << 8);
  return new Float32Array(new Float16Array(halves.buffer));
}

/**
 * Four exponent bits with bias 7. There is no infinity; 0x7f and 0xff are NaN.
 */
function readE4M3(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bytes, (byte) => {
    const sign = byte & 0x80 ? -1 : 1;
    const exponent = (byte >> 3) & 15;
    const fraction = byte & 7;
    if (exponent === 15 && fraction === 7) return NaN;
    return exponent === 0
      ? sign * fraction * 2 ** -9
      : sign * (8 + fraction) * 2 ** (exponent - 10);
  });
}
