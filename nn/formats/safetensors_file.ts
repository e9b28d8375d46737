// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reading and writing of safetensors files on disk, one tensor at a time, so
 * that a model need not fit in host memory.
 *
 * @module
 */

import { safetensorsChunks } from "./safetensors_chunks.ts";
import { decode } from "./safetensors_dtype.ts";
import {
  headerLength,
  parseHeader,
  PREFIX_BYTES,
} from "./safetensors_header.ts";
import { writeAtomically } from "../../host/mod.ts";
import { DiskReader } from "./disk_reader.ts";
import { widenRows } from "./row_scales.ts";
import { SafetensorsIndex } from "./safetensors.ts";
import type {
  SafetensorsHeader,
  SafetensorsSource,
  SafetensorsTensor,
  SerializeSafetensorsOptions,
} from "./safetensors.ts";

/** The file that a {@linkcode SafetensorsReader} reads. */
export interface SafetensorsBytes extends Disposable {
  /** The name of the file, for errors. */
  readonly path: string;
  /** Reads `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A safetensors file on disk that is open for reading; see
 * {@linkcode openSafetensors}. Close it with `using`.
 *
 * @example All tensors in turn
 * ```ts
 * import { openSafetensors, writeSafetensors } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, [
 *   ["bias", { shape: [1], dtype: "F32", data: new Float32Array([1]) }],
 * ]);
 * {
 *   using file = await openSafetensors(path);
 *   for await (const [name, { shape, data }] of file.tensors()) {
 *     assertEquals([name, shape, [...data]], ["bias", [1], [1]]);
 *   }
 * }
 * await Deno.remove(path);
 * ```
 */
export class SafetensorsReader extends SafetensorsIndex implements Disposable {
  #file: SafetensorsBytes;
  #dataStart: number;

  /**
   * Wraps a header and an open file; {@linkcode openSafetensors} does so.
   *
   * @param header The header, which has been checked.
   * @param file The file, which the reader closes.
   * @param dataStart The offset of the data in the file.
   */
  constructor(
    header: SafetensorsHeader,
    file: SafetensorsBytes,
    dataStart: number,
  ) {
    super(header, file.path);
    this.#file = file;
    this.#dataStart = dataStart;
  }

  /** Reads the bytes of a tensor without converting them. */
  async bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { begin, end } = this.entry(name);
    return await this.#file.read(this.#dataStart + begin, end - begin);
  }

  /**
   * Reads one tensor and converts it as `SafetensorsFile.tensor` does.
   *
   * @param name The name of the tensor.
   * @returns The tensor.
   * @throws {RangeError} If the file holds no tensor of this name, or a 64-bit
   * integer does not fit in 32 bits.
   * @throws {TypeError} If the element type is not supported.
   */
  async tensor(name: string): Promise<SafetensorsTensor> {
    const { dtype, shape } = this.entry(name);
    const data = decode(dtype, await this.bytes(name), this.label(name));
    const scale = this.scaleOf(name);
    if (scale === undefined) return { dtype, shape, data };
    const { data: scales } = await this.tensor(scale);
    return { dtype, shape, data: widenRows(data, scales) };
  }

  /** Reads every tensor in turn, in the order of the file. */
  async *tensors(): AsyncGenerator<[string, SafetensorsTensor]> {
    for (const name of this.names) yield [name, await this.tensor(name)];
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/**
 * Opens a safetensors file and reads its header.
 *
 * @param path The path of the file.
 * @returns The open file.
 * @throws {SyntaxError} If the file is malformed; see `parseSafetensors`.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openSafetensors, writeSafetensors } from "@swagpu/swagpu/nn";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, [
 *   ["bias", { shape: [2], dtype: "F32", data: new Float32Array([1, 2]) }],
 * ]);
 * {
 *   using file = await openSafetensors(path);
 *   const { data } = await file.tensor("bias");
 *   assertEquals([...data], [1, 2]);
 * }
 * await Deno.remove(path);
 * ```
 */
export async function openSafetensors(
  path: string,
): Promise<SafetensorsReader> {
  const file = await DiskReader.open(path);
  try {
    const prefix = await file.read(0, Math.min(PREFIX_BYTES, file.size));
    const length = headerLength(prefix, file.size, path);
    const dataStart = PREFIX_BYTES + length;
    const header = parseHeader(
      await file.read(PREFIX_BYTES, length),
      file.size - dataStart,
      path,
    );
    return new SafetensorsReader(header, file, dataStart);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/**
 * Writes tensors to a safetensors file on disk. Its bytes equal those of
 * Hugging Face's own writer. The file appears when it is complete: until then,
 * and after an error, `path` holds what it held before.
 *
 * @param path The path of the file.
 * @param tensors The tensors by name.
 * @param options The metadata.
 * @returns When the file is on the disk.
 * @throws {TypeError} If a name is given twice, or the number of elements does
 * not match the shape.
 * @throws {RangeError} If an element does not fit the element type of the file.
 *
 * @example Elements that are made when they are written
 * ```ts
 * import { writeSafetensors } from "@swagpu/swagpu/nn";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, [
 *   ["weight", {
 *     shape: [2, 2],
 *     dtype: "F16",
 *     data: async () => await Promise.resolve(new Float32Array(4)),
 *   }],
 * ]);
 * await Deno.remove(path);
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, SafetensorsSource]>,
  options: SerializeSafetensorsOptions = {},
): Promise<void> {
  const { chunks, size } = safetensorsChunks(tensors, options);
  await writeAtomically(path, chunks, { size });
}
