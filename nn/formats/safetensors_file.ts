// Copyright 2026 the swagpu authors. MIT license.

/**
 * Safetensors files on disk, read and written one tensor at a time, so that a
 * model never stands in host memory as a whole.
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
import { DiskReader, writeAtomically } from "./disk.ts";
import { SafetensorsIndex } from "./safetensors.ts";
import type {
  SafetensorsHeader,
  SafetensorsSource,
  SafetensorsTensor,
  SerializeSafetensorsOptions,
} from "./safetensors.ts";

/** Where a {@linkcode SafetensorsReader} takes its bytes from. */
export interface SafetensorsBytes extends Disposable {
  /** What errors call the file. */
  readonly path: string;
  /** Reads `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A safetensors file on disk, open for reading. Close it with `using`. */
export class SafetensorsReader extends SafetensorsIndex implements Disposable {
  #file: SafetensorsBytes;
  #dataStart: number;

  /** Wraps a checked header and its open file; see {@linkcode openSafetensors}. */
  constructor(
    header: SafetensorsHeader,
    file: SafetensorsBytes,
    dataStart: number,
  ) {
    super(header, file.path);
    this.#file = file;
    this.#dataStart = dataStart;
  }

  /** Reads the bytes of a tensor as they are in the file. */
  async bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { begin, end } = this.entry(name);
    return await this.#file.read(this.#dataStart + begin, end - begin);
  }

  /**
   * Reads one tensor, converted as by `SafetensorsFile.tensor`.
   *
   * @throws {RangeError} If there is no tensor of this name, or a 64-bit
   * integer does not fit in 32 bits.
   * @throws {TypeError} If the element type cannot be held.
   */
  async tensor(name: string): Promise<SafetensorsTensor> {
    const { dtype, shape } = this.entry(name);
    const bytes = await this.bytes(name);
    return { dtype, shape, data: decode(dtype, bytes, this.label(name)) };
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
 * @throws {SyntaxError} If the file is malformed; see `parseSafetensors`.
 *
 * @example
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
 * Writes tensors to a safetensors file, laid out byte by byte as Hugging Face's
 * own writer does. The file appears when it is complete: until then `path`
 * holds what it held before, and an error leaves it so.
 *
 * @throws {TypeError} If a name is given twice, or the number of elements does
 * not match the shape.
 * @throws {RangeError} If an element does not fit the element type asked for.
 *
 * @example
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
