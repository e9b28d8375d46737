// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reading of PyTorch's own files (`pytorch_model.bin`), one tensor at a time
 * and without running the code that they name: a file may only build a table of
 * tensors.
 *
 * @module
 */

import { fail } from "./malformed.ts";
import type { PickledStorage, PickledTensor } from "./pickle_values.ts";
import {
  DTYPES,
  openArchive,
  openLegacy,
  type Place,
  type Places,
  tensorsOf,
  unknownType,
} from "./pytorch_layout.ts";
import { bitsOf, decode } from "./safetensors_dtype.ts";
import type { ByteSource } from "./zip.ts";
import { DiskReader } from "./disk_reader.ts";
import type { SafetensorsInfo, SafetensorsTensor } from "./safetensors.ts";

/** The file that a {@linkcode PyTorchReader} reads. */
export interface PyTorchBytes extends Disposable {
  /** The name of the file, for errors. */
  readonly path: string;
  /** The size of the file in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

interface Entry extends SafetensorsInfo {
  tensor: PickledTensor;
  place: Place;
}

/**
 * A file of PyTorch that is open for reading. Close it with `using`.
 *
 * @example A file whose tensors need more memory than the host has
 * ```ts ignore
 * import { openPyTorch } from "@swagpu/swagpu/nn";
 *
 * using file = await openPyTorch("bert-base-cased/pytorch_model.bin");
 * for (const name of file.names) {
 *   const { shape, data } = await file.tensor(name);
 *   console.log(name, shape, data[0]);
 * }
 * ```
 */
export class PyTorchReader implements Disposable {
  /** The names of the tensors, in the order of the file. */
  readonly names: readonly string[];
  readonly #file: PyTorchBytes;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #swapped: boolean;

  private constructor(
    file: PyTorchBytes,
    entries: ReadonlyMap<string, Entry>,
    swapped: boolean,
  ) {
    this.names = [...entries.keys()];
    this.#file = file;
    this.#entries = entries;
    this.#swapped = swapped;
  }

  /**
   * Reads the table of an open file.
   *
   * @param file The file, which the reader closes.
   * @returns The reader.
   * @throws {SyntaxError} If the file is malformed, or asks for anything but
   * tensors.
   */
  static async open(file: PyTorchBytes): Promise<PyTorchReader> {
    const start = await file.read(0, Math.min(4, file.size));
    if (start[0] === 0x50 && start[1] === 0x4b) {
      const { root, places, swapped } = await openArchive(file);
      return new PyTorchReader(file, entriesOf(root, places, file), swapped);
    }
    if (start[0] === 0x80) {
      const { root, places } = await openLegacy(file);
      return new PyTorchReader(file, entriesOf(root, places, file), false);
    }
    return fail(file.path, "it is neither a zip archive nor a pickle");
  }

  /** Whether the file holds a tensor of this name. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * The element type, shape and size of a tensor.
   *
   * @throws {RangeError} If the file holds no tensor of this name.
   */
  info(name: string): SafetensorsInfo {
    const { dtype, shape, byteLength } = this.#entry(name);
    return { dtype, shape, byteLength };
  }

  /**
   * Reads one tensor, row by row whatever its strides, and converts it as
   * `SafetensorsFile.tensor` does.
   *
   * If the tensor takes up its whole record in the archive, as most tensors do,
   * it is compared with the record's checksum.
   *
   * @throws {RangeError} If the file holds no tensor of this name, or a 64-bit
   * integer does not fit in 32 bits.
   * @throws {SyntaxError} If the checksum differs.
   */
  async tensor(name: string): Promise<SafetensorsTensor> {
    const { dtype, shape, tensor, place } = this.#entry(name);
    const label = this.#label(name);
    const width = bitsOf(dtype) / 8;
    const { storage, offset, strides } = tensor;
    const span = spanOf(shape, strides);
    const first = await place.offset() + (storage.start + offset) * width;
    const bytes = await this.#file.read(first, span * width);
    // A checksum covers the whole record. A part is not checked, because the
    // rest would have to be read.
    if (bytes.length === place.bytes) place.verify?.(bytes);
    if (this.#swapped) swapBytes(bytes, width);
    const rows = isContiguous(shape, strides)
      ? bytes
      : gather(bytes, { shape, strides, width });
    return { dtype, shape, data: decode(dtype, rows, label) };
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new RangeError(
      `Cannot read ${this.#label(name)}: the file holds no tensor of this name`,
    );
  }

  #label(name: string): string {
    return `tensor ${JSON.stringify(name)} of ${this.#file.path}`;
  }
}

/**
 * Opens a file that PyTorch's `torch.save` wrote from a table of tensors: a zip
 * archive, or the format before it (PyTorch up to 1.5).
 *
 * Such a file holds a program that names functions to call. None of them is
 * called: a file that names anything except what PyTorch builds tensors with is
 * refused.
 *
 * @param path The path of the file.
 * @returns The open file.
 * @throws {SyntaxError} If the file is malformed, or asks for anything else.
 *
 * @example The names and shapes of all tensors
 * ```ts ignore
 * import { openPyTorch } from "@swagpu/swagpu/nn";
 *
 * using file = await openPyTorch("bert-base-cased/pytorch_model.bin");
 * for (const name of file.names) console.log(name, file.info(name).shape);
 * ```
 */
export async function openPyTorch(path: string): Promise<PyTorchReader> {
  const file = await DiskReader.open(path);
  try {
    return await PyTorchReader.open(file);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function entriesOf(
  root: unknown,
  places: Places,
  file: ByteSource,
): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const known = new Map<PickledStorage, Place>();
  for (const [name, tensor] of tensorsOf(root, file)) {
    const { storage, shape, strides, offset } = tensor;
    const label = `tensor ${JSON.stringify(name)}`;
    const type = tensor.dtype ?? storage.type;
    const dtype = Object.hasOwn(DTYPES, type)
      ? DTYPES[type] ?? fail(file.path, unknownType(type))
      : fail(file.path, unknownType(type));
    const place = known.get(storage) ?? places(storage.key);
    if (place === undefined) {
      return fail(
        file.path,
        `${label} uses a storage that the file does not hold`,
      );
    }
    known.set(storage, place);
    const width = bitsOf(dtype) / 8;
    const elements = shape.reduce((product, size) => product * size, 1);
    const end = storage.start + offset + spanOf(shape, strides);
    if (end * width > place.bytes) {
      fail(
        file.path,
        `${label} of shape [${shape.join(", ")}] and dtype ${dtype} needs ` +
          `${end * width} bytes, but its storage holds ${place.bytes}`,
      );
    }
    // A stride of 0 repeats elements, so a small file could ask for any memory.
    if (elements > file.size) {
      fail(
        file.path,
        `${label} of shape [${shape.join(", ")}] repeats its elements`,
      );
    }
    const byteLength = elements * width;
    entries.set(name, { dtype, shape, byteLength, tensor, place });
  }
  return entries;
}

/** The number of elements of a storage from a tensor's first to its last. */
function spanOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((at, n, axis) => at + (n - 1) * (strides[axis] ?? 0), 1);
}

function isContiguous(
  shape: readonly number[],
  strides: readonly number[],
): boolean {
  if (shape.includes(0)) return true;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && strides[axis] !== stride) return false;
    stride *= size;
  }
  return true;
}

interface Elements {
  readonly length: number;
  [index: number]: number | bigint;
}

function elementsOf(
  bytes: Uint8Array<ArrayBuffer>,
  width: number,
): Elements {
  const { buffer } = bytes;
  if (width === 1) return bytes;
  if (width === 2) return new Uint16Array(buffer);
  return width === 4 ? new Uint32Array(buffer) : new BigUint64Array(buffer);
}

/** Copies the elements of a tensor from its storage, row by row. */
function gather(
  bytes: Uint8Array<ArrayBuffer>,
  { shape, strides, width }: {
    shape: readonly number[];
    strides: readonly number[];
    width: number;
  },
): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  const rows = new Uint8Array(count * width);
  const from = elementsOf(bytes, width);
  const to = elementsOf(rows, width);
  const index = shape.map(() => 0);
  let at = 0;
  for (let i = 0; i < count; i++) {
    to[i] = from[at] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const place = (index[axis] ?? 0) + 1;
      at += stride;
      index[axis] = place;
      if (place < (shape[axis] ?? 0)) break;
      index[axis] = 0;
      at -= stride * place;
    }
  }
  return rows;
}

/** Reverses the bytes of each element, in place. */
function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at < bytes.length; at += width) {
    bytes.subarray(at, at + width).reverse();
  }
}
