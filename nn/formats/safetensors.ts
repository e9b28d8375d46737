// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Reading and writing tensors in Hugging Face's safetensors format, in memory.
 * Files on disk are read and written by `openSafetensors` and
 * `writeSafetensors`, one tensor at a time.
 *
 * @module
 */

import type { TypedArray } from "../../engine/mod.ts";
import {
  decode,
  encodeTensor,
  naturalDtype,
  type SafetensorsDtype,
  type SafetensorsValues,
} from "./safetensors_dtype.ts";
import {
  headerLength,
  layOut,
  parseHeader,
  PREFIX_BYTES,
  type SafetensorsHeader,
  type SafetensorsRange,
} from "./safetensors_header.ts";

export type {
  SafetensorsDtype,
  SafetensorsHeader,
  SafetensorsRange,
  SafetensorsValues,
};

/** What a file says about one of its tensors. */
export interface SafetensorsInfo {
  /** The element type in the file. */
  readonly dtype: SafetensorsDtype;
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** Bytes in the file. */
  readonly byteLength: number;
}

/** Elements that are made when the file reaches them. */
export type SafetensorsProducer = () =>
  | SafetensorsValues
  | ArrayBuffer
  | Promise<SafetensorsValues | ArrayBuffer>;

/** A tensor to be written to disk. */
export interface SafetensorsSource {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The element type in the file. */
  readonly dtype: SafetensorsDtype;
  /**
   * The elements, row by row, or what makes them: one tensor is asked for at a
   * time, in the order of the file. An `ArrayBuffer` is taken as the file's
   * bytes.
   */
  readonly data: SafetensorsValues | ArrayBuffer | SafetensorsProducer;
}

/** A tensor read from a file. */
export interface SafetensorsTensor {
  /** The element type in the file, which `data` may have widened. */
  readonly dtype: SafetensorsDtype;
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /**
   * The elements, row by row: `Float32Array` for the floating types,
   * `Int32Array` for the signed and `Uint32Array` for the unsigned integers and
   * booleans.
   */
  readonly data: TypedArray;
}

/** A tensor to be written. */
export interface SafetensorsEntry {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /**
   * The element type in the file.
   *
   * @default the type of `data`
   */
  readonly dtype?: SafetensorsDtype;
  /** The elements, row by row; an `ArrayBuffer` is taken as the file's bytes. */
  readonly data: SafetensorsValues | ArrayBuffer;
}

/** Options of {@linkcode parseSafetensors}. */
export interface ParseSafetensorsOptions {
  /**
   * What errors call the bytes.
   *
   * @default "the safetensors data"
   */
  source?: string;
}

/** Options of {@linkcode serializeSafetensors}. */
export interface SerializeSafetensorsOptions {
  /**
   * Names and texts stored in the file. Python's transformers refuses files
   * that do not say `format`.
   *
   * @default { format: "pt" }
   */
  metadata?: Readonly<Record<string, string>>;
}

/** What a file holds by its header: the part that needs no data. */
export class SafetensorsIndex {
  /** Names and texts stored in the file. */
  readonly metadata: Record<string, string>;
  /** The names of the tensors, in the order of their data. */
  readonly names: readonly string[];
  #header: SafetensorsHeader;
  #source: string;

  /** Wraps a checked header; `source` is what errors call the file. */
  constructor(header: SafetensorsHeader, source: string) {
    this.metadata = header.metadata;
    this.names = [...header.entries.keys()];
    this.#header = header;
    this.#source = source;
  }

  /** Whether the file holds a tensor of this name. */
  has(name: string): boolean {
    return this.#header.entries.has(name);
  }

  /**
   * The element type, shape and size of a tensor.
   *
   * @throws {RangeError} If the file holds no tensor of this name.
   */
  info(name: string): SafetensorsInfo {
    const { dtype, shape, begin, end } = this.entry(name);
    return { dtype, shape, byteLength: end - begin };
  }

  /** Where a tensor lies, in bytes after the header. */
  protected entry(name: string): SafetensorsRange {
    const entry = this.#header.entries.get(name);
    if (entry !== undefined) return entry;
    const known = this.names.slice(0, 5).map((name) => JSON.stringify(name));
    const more = this.names.length - known.length;
    throw new RangeError(
      `Cannot read ${this.label(name)}: the file holds ${
        known.join(", ") || "no tensor"
      }${more > 0 ? ` and ${more} more` : ""}`,
    );
  }

  /** What errors call a tensor. */
  protected label(name: string): string {
    return `tensor ${JSON.stringify(name)} of ${this.#source}`;
  }
}

/** A safetensors file in memory. */
export class SafetensorsFile extends SafetensorsIndex {
  #data: Uint8Array;

  /** Wraps a checked header and the bytes after it. */
  constructor(header: SafetensorsHeader, data: Uint8Array, source: string) {
    super(header, source);
    this.#data = data;
  }

  /** The bytes of a tensor as they are in the file: a view, not a copy. */
  bytes(name: string): Uint8Array {
    const { begin, end } = this.entry(name);
    return this.#data.subarray(begin, end);
  }

  /**
   * Reads a tensor. F16, BF16 and the 8-bit floats are widened and F64 is
   * narrowed to 32-bit floats; integers are brought to 32 bits. Where the file
   * holds F32, I32 or U32 at an aligned place, `data` is a view of it.
   *
   * @throws {RangeError} If there is no tensor of this name, or a 64-bit
   * integer does not fit in 32 bits.
   * @throws {TypeError} If the element type cannot be held.
   */
  tensor(name: string): SafetensorsTensor {
    const { dtype, shape } = this.entry(name);
    return {
      dtype,
      shape,
      data: decode(dtype, this.bytes(name), this.label(name)),
    };
  }
}

/**
 * Reads a safetensors file that is in memory.
 *
 * @throws {SyntaxError} If the bytes are malformed: cut off, with a header that
 * is no JSON or holds a name twice, with tensors that overlap, leave holes or
 * do not match their shapes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSafetensors, serializeSafetensors } from "@swagpu/swagpu/nn";
 *
 * const bytes = serializeSafetensors([
 *   ["bias", { shape: [3], data: new Float32Array([1, 2, 3]) }],
 * ]);
 * const file = parseSafetensors(bytes);
 * assertEquals(file.names, ["bias"]);
 * assertEquals([...file.tensor("bias").data], [1, 2, 3]);
 * ```
 */
export function parseSafetensors(
  bytes: Uint8Array,
  options: ParseSafetensorsOptions = {},
): SafetensorsFile {
  const { source = "the safetensors data" } = options;
  const length = headerLength(bytes, bytes.byteLength, source);
  const data = bytes.subarray(PREFIX_BYTES + length);
  const header = parseHeader(
    bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length),
    data.byteLength,
    source,
  );
  return new SafetensorsFile(header, data, source);
}

/**
 * Writes tensors as a safetensors file in memory, laid out byte by byte as
 * Hugging Face's own writer does.
 *
 * @throws {TypeError} If a name is given twice, or the number of elements does
 * not match the shape.
 * @throws {RangeError} If an element does not fit the element type asked for.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSafetensors, serializeSafetensors } from "@swagpu/swagpu/nn";
 *
 * const bytes = serializeSafetensors([
 *   ["weight", { shape: [2, 1], dtype: "BF16", data: new Float32Array(2) }],
 * ], { metadata: { format: "pt", step: "100" } });
 * const file = parseSafetensors(bytes);
 * assertEquals(file.metadata.step, "100");
 * assertEquals(file.info("weight").byteLength, 4);
 * ```
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsEntry]>,
  options: SerializeSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  const { metadata = { format: "pt" } } = options;
  const typed = Array.from(tensors, ([name, entry]) =>
    [name, {
      ...entry,
      dtype: entry.dtype ?? defaultDtype(name, entry.data),
    }] as const);
  const layout = layOut(typed, metadata);
  const file = new Uint8Array(layout.size);
  file.set(layout.head);
  let offset = layout.head.length;
  for (const { name, tensor, bytes } of layout.tensors) {
    file.set(encodeTensor(name, tensor, tensor.data), offset);
    offset += bytes;
  }
  return file;
}

function defaultDtype(
  name: string,
  data: SafetensorsValues | ArrayBuffer,
): SafetensorsDtype {
  if (!(data instanceof ArrayBuffer)) return naturalDtype(data);
  throw new TypeError(
    `Cannot write tensor ${JSON.stringify(name)}: an ArrayBuffer needs a dtype`,
  );
}
