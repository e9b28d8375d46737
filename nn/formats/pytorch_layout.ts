// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The two layouts of PyTorch's files: where the table of tensors lies, and
// where the storages lie that the table refers to.

import { fail } from "./malformed.ts";
import { PickledDict, PickledList, PickledTensor } from "./pickle_values.ts";
import { PickleEnd, unpickle } from "./pickle.ts";
import { bitsOf, type SafetensorsDtype } from "./safetensors_dtype.ts";
import { crc32 } from "./crc32.ts";
import {
  type ByteSource,
  checkRecord,
  dataOffset,
  readZip,
  type ZipRecord,
} from "./zip.ts";

/**
 * Element types by the class of a storage, and by PyTorch's name of the type.
 */
export const DTYPES: Readonly<Record<string, SafetensorsDtype>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  bool: "BOOL",
};
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const MAX_PICKLE = 2 ** 26;
const MAX_NAME = 1000;
const FIRST_READ = 2 ** 16;

/** Where the bytes of a storage lie in the file. */
export interface Place {
  /** Gives the offset of the first byte. */
  offset(): number | Promise<number>;
  /** The number of bytes. */
  bytes: number;
  /** Compares all of the bytes with their checksum, if the file has one. */
  verify?(all: Uint8Array): void;
}

/** Gives the place of a storage by its key. */
export type Places = (key: string) => Place | undefined;

/** The table of a file, and the places of its storages. */
export interface Opened {
  root: unknown;
  places: Places;
}

/** Opens a zip archive: `data.pkl` is the table, `data/<key>` a storage. */
export async function openArchive(
  file: ByteSource,
): Promise<Opened & { swapped: boolean }> {
  const records = await readZip(file);
  const tables = [...records.keys()].filter((name) =>
    /^(?:[^/]+\/)?data\.pkl$/.test(name)
  );
  const [table] = tables;
  if (table === undefined || tables.length > 1) {
    return fail(file.path, "the archive does not hold one data.pkl");
  }
  const folder = table.slice(0, -"data.pkl".length);
  const pickle = await readRecord(file, records, table);
  const order = records.has(`${folder}byteorder`)
    ? new TextDecoder().decode(
      await readRecord(file, records, `${folder}byteorder`),
    )
    : "little";
  if (order !== "little" && order !== "big") {
    fail(file.path, `its byte order is ${JSON.stringify(order.slice(0, 20))}`);
  }
  const { value } = unpickle(pickle, { source: file.path });
  return {
    root: value,
    swapped: order === "big",
    places: (key) => {
      const name = `${folder}data/${key}`;
      const record = records.get(name);
      if (record === undefined) return undefined;
      let offset: Promise<number> | undefined;
      return {
        bytes: record.size,
        offset: () => offset ??= dataOffset(file, name, record),
        verify: (all) => checkRecord(file, name, record, crc32(all)),
      };
    },
  };
}

async function readRecord(
  file: ByteSource,
  records: ReadonlyMap<string, ZipRecord>,
  name: string,
): Promise<Uint8Array> {
  const record = records.get(name) ?? fail(file.path, `it lacks ${name}`);
  if (record.size > MAX_PICKLE) {
    fail(
      file.path,
      `its ${name} has ${record.size} bytes, expected at most ${MAX_PICKLE}`,
    );
  }
  const bytes = await file.read(
    await dataOffset(file, name, record),
    record.size,
  );
  checkRecord(file, name, record, crc32(bytes));
  return bytes;
}

/**
 * Opens a file of the format before: five pickles, which are magic number,
 * protocol, system, table and keys, and then the storages.
 */
export async function openLegacy(file: ByteSource): Promise<Opened> {
  const { values: [magic, protocol, , root, keys], end } = await readPickles(
    file,
    5,
  );
  if (magic !== MAGIC) {
    fail(file.path, "it is a pickle, but not one of PyTorch's files");
  }
  if (protocol !== PROTOCOL) {
    fail(file.path, `it is of protocol ${protocol}, expected ${PROTOCOL}`);
  }
  if (!(keys instanceof PickledList)) {
    fail(file.path, "it does not list its storages");
  }
  const widths = new Map<string, number>();
  for (const { storage } of tensorsOf(root, file).values()) {
    const dtype = DTYPES[storage.type] ??
      fail(file.path, unknownType(storage.type));
    widths.set(storage.key, bitsOf(dtype) / 8);
  }
  const places = new Map<string, Place>();
  let at = end;
  for (const key of keys.items) {
    // The size of an element follows from the tensors of a storage. Without it
    // the storage has no known end.
    const width = widths.get(String(key));
    if (width === undefined || places.has(String(key))) {
      fail(file.path, "it lists a storage twice, or one that no tensor uses");
    }
    if (at + 8 > file.size) {
      fail(file.path, "it breaks off before its last storage");
    }
    const view = new DataView((await file.read(at, 8)).buffer);
    const bytes = Number(view.getBigInt64(0, true)) * width;
    const offset = at + 8;
    if (!(bytes >= 0 && offset + bytes <= file.size)) {
      fail(
        file.path,
        `a storage ends at byte ${
          offset + bytes
        }, but the file has ${file.size}`,
      );
    }
    places.set(String(key), { offset: () => offset, bytes });
    at = offset + bytes;
  }
  return { root, places: (key) => places.get(key) };
}

/** Runs the first pickles of a file, without reading all of the file. */
async function readPickles(
  file: ByteSource,
  count: number,
): Promise<{ values: unknown[]; end: number }> {
  for (let length = FIRST_READ;; length *= 2) {
    const bytes = await file.read(0, Math.min(length, file.size));
    try {
      const values: unknown[] = [];
      let start = 0;
      for (let i = 0; i < count; i++) {
        const { value, end } = unpickle(bytes, { source: file.path, start });
        values.push(value);
        start = end;
      }
      return { values, end: start };
    } catch (error) {
      const more = bytes.length < Math.min(file.size, MAX_PICKLE);
      if (!(error instanceof PickleEnd && more)) throw error;
    }
  }
}

/** The reason to refuse elements of an unknown type. */
export function unknownType(type: string): string {
  return `it holds elements of type ${type}, expected one of ${
    Object.keys(DTYPES).filter((name) => name.endsWith("Storage")).join(", ")
  }`;
}

/** The tensors of a table by their names. */
export function tensorsOf(
  root: unknown,
  file: ByteSource,
): Map<string, PickledTensor> {
  if (!(root instanceof PickledDict)) {
    return fail(file.path, "it does not hold a table of tensors");
  }
  const tensors = new Map<string, PickledTensor>();
  for (const [name, value] of root.entries) {
    if (typeof name !== "string" || !(value instanceof PickledTensor)) {
      return fail(
        file.path,
        `its entry ${
          JSON.stringify(String(name).slice(0, MAX_NAME))
        } is not a tensor with a name`,
      );
    }
    if (name.length > MAX_NAME) {
      return fail(file.path, `it holds a name of ${name.length} characters`);
    }
    tensors.set(name, value);
  }
  return tensors;
}
