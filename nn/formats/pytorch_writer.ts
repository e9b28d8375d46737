// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Files that `torch.load` reads: a zip archive with a pickle of the names, types
// and shapes of tensors, and a record for the elements of each.

import { writeAtomically } from "../../host/mod.ts";
import { zipChunks, type ZipEntry } from "./zip_writer.ts";

/** A tensor to write. */
export interface PyTorchSource {
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The type of the elements. */
  readonly dtype: "F32" | "I64";
  /** The elements, row by row, or a function that makes them when it is their turn. */
  readonly data:
    | ArrayLike<number>
    | (() => ArrayLike<number> | Promise<ArrayLike<number>>);
}

/** Options of {@linkcode writePyTorch}. */
export interface WritePyTorchOptions {
  /**
   * The folder in the archive, which PyTorch calls as the file.
   *
   * @default {"archive"}
   */
  root?: string;
}

const STORAGES = { F32: "FloatStorage", I64: "LongStorage" } as const;

/** Opcodes of pickle's protocol 2. */
const OP = {
  proto: 0x80,
  global: 0x63,
  emptyTuple: 0x29,
  reduce: 0x52,
  mark: 0x28,
  tuple: 0x74,
  unicode: 0x58,
  persistent: 0x51,
  int: 0x4a,
  long: 0x8a,
  newFalse: 0x89,
  setItems: 0x75,
  stop: 0x2e,
} as const;

/** Writes a pickle, opcode by opcode. */
class Pickle {
  readonly #bytes: number[] = [];

  op(...codes: readonly number[]): this {
    this.#bytes.push(...codes);
    return this;
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    this.op(OP.unicode, ...littleEndian(bytes.length, 4));
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** Names something of a Python module. */
  global(module: string, name: string): this {
    return this.op(
      OP.global,
      ...new TextEncoder().encode(`${module}\n${name}\n`),
    );
  }

  int(value: number): this {
    return value < 2 ** 31
      ? this.op(OP.int, ...littleEndian(value, 4))
      : this.op(OP.long, 8, ...littleEndian(value, 8));
  }

  /** A tuple of whole numbers. */
  ints(values: readonly number[]): this {
    this.op(OP.mark);
    for (const value of values) this.int(value);
    return this.op(OP.tuple);
  }

  /** An empty `OrderedDict`. */
  orderedDict(): this {
    return this.global("collections", "OrderedDict")
      .op(OP.emptyTuple, OP.reduce);
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function littleEndian(value: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => Math.floor(value / 2 ** (8 * i)) % 256,
  );
}

/**
 * Writes tensors to a file that `torch.load` reads as an `OrderedDict` of tensors,
 * which appears when it is complete. One tensor at a time is in memory.
 *
 * @param path The path of the file.
 * @param tensors The tensors by name, in the order of the dictionary.
 * @param options The name of the folder in the archive.
 * @throws {TypeError} If a tensor has more or fewer elements than its shape says.
 * @throws {RangeError} If a tensor has 4 GiB or more.
 *
 * @example Usage
 * ```ts
 * import { openPyTorch, writePyTorch } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writePyTorch(path, [
 *   ["weight", { shape: [2, 1], dtype: "F32", data: [0.5, -1] }],
 * ]);
 * {
 *   using file = await openPyTorch(path);
 *   const { shape, data } = await file.tensor("weight");
 *   assertEquals([shape, [...data]], [[2, 1], [0.5, -1]]);
 * }
 * await Deno.remove(path);
 * ```
 */
export async function writePyTorch(
  path: string,
  tensors: Iterable<readonly [string, PyTorchSource]>,
  options: WritePyTorchOptions = {},
): Promise<void> {
  const { root = "archive" } = options;
  const all = [...tensors];
  const entries: ZipEntry[] = [
    { name: `${root}/data.pkl`, data: () => pickleOf(all) },
    ...all.map(([name, source], i): ZipEntry => ({
      name: `${root}/data/${i}`,
      data: () => bytesOf(name, source),
    })),
    {
      name: `${root}/version`,
      data: () => new TextEncoder().encode("3\n"),
    },
  ];
  await writeAtomically(path, zipChunks(entries));
}

function pickleOf(
  tensors: readonly (readonly [string, PyTorchSource])[],
): Uint8Array {
  const pickle = new Pickle().op(OP.proto, 2).orderedDict().op(OP.mark);
  tensors.forEach(([name, { shape, dtype }], i) => {
    const size = shape.reduce((product, n) => product * n, 1);
    pickle.text(name)
      .global("torch._utils", "_rebuild_tensor_v2")
      .op(OP.mark)
      .op(OP.mark).text("storage").global("torch", STORAGES[dtype])
      .text(`${i}`).text("cpu").int(size).op(OP.tuple, OP.persistent)
      .int(0).ints(shape).ints(stridesOf(shape))
      .op(OP.newFalse).orderedDict()
      .op(OP.tuple, OP.reduce);
  });
  return pickle.op(OP.setItems, OP.stop).bytes;
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, i) =>
    shape.slice(i + 1).reduce((product, n) => product * n, 1)
  );
}

async function bytesOf(
  name: string,
  { shape, dtype, data }: PyTorchSource,
): Promise<Uint8Array> {
  const values = typeof data === "function" ? await data() : data;
  const size = shape.reduce((product, n) => product * n, 1);
  if (values.length !== size) {
    throw new TypeError(
      `Cannot write ${name} of shape [${shape.join(", ")}]: it has ` +
        `${values.length} elements`,
    );
  }
  const bytes = new Uint8Array(size * (dtype === "F32" ? 4 : 8));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < size; i++) {
    const value = values[i] ?? 0;
    if (dtype === "F32") view.setFloat32(4 * i, value, true);
    else view.setBigInt64(8 * i, BigInt(value), true);
  }
  return bytes;
}
