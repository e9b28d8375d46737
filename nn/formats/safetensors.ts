// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Reading and writing tensors in Hugging Face's safetensors format, in memory.
 * `openSafetensors` and `writeSafetensors` read and write files on disk, one
 * tensor at a time.
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
  parseHeader,
  PREFIX_BYTES,
  type SafetensorsHeader,
  type SafetensorsRange,
} from "./safetensors_header.ts";
import { layOut } from "./safetensors_layout.ts";
import { findScales, widenRows } from "./row_scales.ts";

export type {
  SafetensorsDtype,
  SafetensorsHeader,
  SafetensorsRange,
  SafetensorsValues,
};

/** The type, shape and size of a tensor in a file. */
export interface SafetensorsInfo {
  /** The element type in the file. */
  readonly dtype: SafetensorsDtype;
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The size in the file in bytes. */
  readonly byteLength: number;
}

/** Makes the elements of a tensor when the file reaches them. */
export type SafetensorsProducer = () =>
  | SafetensorsValues
  | ArrayBuffer
  | Promise<SafetensorsValues | ArrayBuffer>;

/** A tensor to write to a file on disk. */
export interface SafetensorsSource {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The element type in the file. */
  readonly dtype: SafetensorsDtype;
  /**
   * The elements, row by row, or a function that makes them. Such functions are
   * called one at a time, in the order of the file. An `ArrayBuffer` holds the
   * bytes of the file.
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
   * The elements, row by row: `Float32Array` for the floating types, and for numbers
   * of 8 bits that the file has factors for; `Int32Array` for the signed and
   * `Uint32Array` for the unsigned integers and booleans.
   */
  readonly data: TypedArray;
}

/** A tensor to write to a file in memory. */
export interface SafetensorsEntry {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /**
   * The element type in the file.
   *
   * @default {the type of `data`}
   */
  readonly dtype?: SafetensorsDtype;
  /** The elements, row by row. An `ArrayBuffer` holds the bytes of the file. */
  readonly data: SafetensorsValues | ArrayBuffer;
}

/** Options of {@linkcode parseSafetensors}. */
export interface ParseSafetensorsOptions {
  /**
   * The name of the data, for errors.
   *
   * @default {"the safetensors data"}
   */
  source?: string;
}

/** Options of {@linkcode serializeSafetensors}. */
export interface SerializeSafetensorsOptions {
  /**
   * The metadata of the file: strings by name. Python's transformers refuses
   * files without `format`.
   *
   * @default {{ format: "pt" }}
   */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The header of a file: names, types and shapes. It is the base class of
 * {@linkcode SafetensorsFile} and `SafetensorsReader`, which add the data.
 *
 * @example A table of contents for files in memory and on disk
 * ```ts
 * import {
 *   parseSafetensors,
 *   type SafetensorsIndex,
 *   serializeSafetensors,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const list = (file: SafetensorsIndex) =>
 *   file.names.map((name) => `${name} [${file.info(name).shape}]`);
 * const bytes = serializeSafetensors([
 *   ["bias", { shape: [2], data: new Float32Array(2) }],
 * ]);
 * assertEquals(list(parseSafetensors(bytes)), ["bias [2]"]);
 * ```
 */
export class SafetensorsIndex {
  /** The metadata of the file: strings by name. */
  readonly metadata: Record<string, string>;
  /**
   * The names of the tensors, in the order of their data, without those that hold the
   * factors of others.
   */
  readonly names: readonly string[];
  #header: SafetensorsHeader;
  #source: string;
  #scales: ReadonlyMap<string, string>;

  /**
   * Wraps a header.
   *
   * @param header The header, which has been checked.
   * @param source The name of the file, for errors.
   * @throws {SyntaxError} If the file stores numbers in a way that is not known.
   */
  constructor(header: SafetensorsHeader, source: string) {
    const { metadata, entries } = header;
    this.metadata = metadata;
    this.#header = header;
    this.#source = source;
    this.#scales = findScales(metadata, entries, source);
    const hidden = new Set(this.#scales.values());
    this.names = [...entries.keys()].filter((name) => !hidden.has(name));
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

  /** The place of a tensor in the data after the header. */
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

  /** The name of the tensor that holds the factors of another, if any does. */
  protected scaleOf(name: string): string | undefined {
    return this.#scales.get(name);
  }

  /** The name of a tensor for errors. */
  protected label(name: string): string {
    return `tensor ${JSON.stringify(name)} of ${this.#source}`;
  }
}

/**
 * A safetensors file in memory; see {@linkcode parseSafetensors}.
 *
 * @example Usage
 * ```ts
 * import { parseSafetensors, serializeSafetensors } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const file = parseSafetensors(serializeSafetensors([
 *   ["bias", { shape: [2], data: new Float32Array([3, 4]) }],
 * ]));
 * assertEquals(file.info("bias"), { dtype: "F32", shape: [2], byteLength: 8 });
 * assertEquals([...file.tensor("bias").data], [3, 4]);
 * ```
 */
export class SafetensorsFile extends SafetensorsIndex {
  #data: Uint8Array;

  /**
   * Wraps a header and the data.
   *
   * @param header The header, which has been checked.
   * @param data The bytes after the header.
   * @param source The name of the file, for errors.
   */
  constructor(header: SafetensorsHeader, data: Uint8Array, source: string) {
    super(header, source);
    this.#data = data;
  }

  /** The bytes of a tensor in the file: a view, not a copy. */
  bytes(name: string): Uint8Array {
    const { begin, end } = this.entry(name);
    return this.#data.subarray(begin, end);
  }

  /**
   * Reads a tensor. Floats of other sizes (F16, BF16, F64 and 8 bits) become
   * 32-bit floats, and integers become 32-bit integers. Numbers that have a factor
   * for each row are multiplied by it. If the file holds F32, I32 or U32 at an aligned
   * offset, `data` is a view of the file.
   *
   * @param name The name of the tensor.
   * @returns The tensor.
   * @throws {RangeError} If the file holds no tensor of this name, or a 64-bit
   * integer does not fit in 32 bits.
   * @throws {TypeError} If the element type is not supported.
   */
  tensor(name: string): SafetensorsTensor {
    const { dtype, shape } = this.entry(name);
    const data = decode(dtype, this.bytes(name), this.label(name));
    const scale = this.scaleOf(name);
    if (scale === undefined) return { dtype, shape, data };
    return { dtype, shape, data: widenRows(data, this.tensor(scale).data) };
  }
}

/**
 * Reads a safetensors file that is in memory.
 *
 * @param bytes The file.
 * @param options The name of the file, for errors.
 * @returns The tensors.
 * @throws {SyntaxError} If the file is malformed: if it is cut off, the header
 * is not JSON or holds a name twice, or tensors overlap, leave gaps or do not
 * match their shapes.
 *
 * @example Usage
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
 * Writes tensors as a safetensors file in memory. Its bytes equal those of
 * Hugging Face's own writer.
 *
 * @param tensors The tensors by name.
 * @param options The metadata.
 * @returns The file.
 * @throws {TypeError} If a name is given twice, or the number of elements does
 * not match the shape.
 * @throws {RangeError} If an element does not fit the element type of the file.
 *
 * @example With metadata, and 16-bit elements
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
