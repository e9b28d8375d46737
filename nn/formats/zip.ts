// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The directory of a zip archive whose records are not compressed, as PyTorch
// writes them. Records are found by name in a map; no name is ever used as a
// path. ZIP64 fields are read if they exist.

import { fail } from "./malformed.ts";

/** A file that can be read at any offset. */
export interface ByteSource {
  /** The name of the file, for errors. */
  readonly path: string;
  /** The size of the file in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** One record of the archive. */
export interface ZipRecord {
  /** The offset of its local header. */
  readonly header: number;
  /** The size of its data in bytes. */
  readonly size: number;
  /** The CRC-32 of its data, or 0 if the writer left it out. */
  readonly crc: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 2 ** 26;
const ENCRYPTED = 1;
const UNKNOWN = 0xffffffff;
const EXTRA64 = 1;

/** Reads the directory of an archive: its records by name. */
export async function readZip(
  file: ByteSource,
): Promise<Map<string, ZipRecord>> {
  const { path } = file;
  const { offset, size, count } = await findDirectory(file);
  if (size > MAX_DIRECTORY || offset + size > file.size) {
    fail(path, "the archive's directory does not lie inside the file");
  }
  const bytes = await file.read(offset, size);
  const view = new DataView(bytes.buffer);
  const records = new Map<string, ZipRecord>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (
      at + CENTRAL_BYTES > size || view.getUint32(at, true) !== CENTRAL
    ) {
      fail(path, `the archive's directory breaks off at record ${i}`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + CENTRAL_BYTES + nameBytes + extraBytes +
      view.getUint16(at + 32, true);
    if (next > size) {
      fail(path, `the archive's directory breaks off at record ${i}`);
    }
    const name = new TextDecoder().decode(
      bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes),
    );
    checkName(path, name);
    if (records.has(name)) {
      fail(path, `it holds the record ${JSON.stringify(name)} twice`);
    }
    records.set(name, readRecord(file, view, { at, name }));
    at = next;
  }
  return records;
}

/** The offset of a record's data, which its local header determines. */
export async function dataOffset(
  file: ByteSource,
  name: string,
  record: ZipRecord,
): Promise<number> {
  const label = `record ${JSON.stringify(name)}`;
  if (record.header + LOCAL_BYTES > file.size) {
    fail(file.path, `${label} lies outside the file`);
  }
  const bytes = await file.read(record.header, LOCAL_BYTES);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0, true) !== LOCAL) {
    fail(file.path, `${label} has no header`);
  }
  const start = record.header + LOCAL_BYTES + view.getUint16(26, true) +
    view.getUint16(28, true);
  if (start + record.size > file.size) {
    fail(
      file.path,
      `${label} ends at byte ${start + record.size}, but the file has ` +
        `${file.size}`,
    );
  }
  return start;
}

/**
 * Compares a checksum with that of the archive. PyTorch has an option to save
 * without checksums, which are 0 then.
 *
 * @param crc The CRC-32 of the data that was read.
 */
export function checkRecord(
  { path }: ByteSource,
  name: string,
  record: ZipRecord,
  crc: number,
): void {
  if (record.crc === 0 || record.crc === crc) return;
  fail(
    path,
    `record ${JSON.stringify(name)} has the CRC-32 ${hex(crc)}, but the ` +
      `archive says ${hex(record.crc)}: the file is damaged`,
  );
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

interface Directory {
  offset: number;
  size: number;
  count: number;
}

async function findDirectory(file: ByteSource): Promise<Directory> {
  // The directory's end is the end of the file, unless a comment follows.
  for (const comment of [0, MAX_COMMENT]) {
    const length = Math.min(file.size, END_BYTES + comment);
    const start = file.size - length;
    const tail = new DataView((await file.read(start, length)).buffer);
    for (let at = length - END_BYTES; at >= 0; at--) {
      if (tail.getUint32(at, true) !== END) continue;
      return await findDirectory64(file, start + at) ?? {
        count: tail.getUint16(at + 10, true),
        size: tail.getUint32(at + 12, true),
        offset: tail.getUint32(at + 16, true),
      };
    }
  }
  return fail(file.path, "the archive has no directory: it may be cut off");
}

async function findDirectory64(
  file: ByteSource,
  end: number,
): Promise<Directory | null> {
  if (end < LOCATOR_BYTES) return null;
  const bytes = await file.read(end - LOCATOR_BYTES, LOCATOR_BYTES);
  const locator = new DataView(bytes.buffer);
  if (locator.getUint32(0, true) !== LOCATOR64) return null;
  const at = whole(file.path, locator.getBigUint64(8, true));
  if (at + END64_BYTES > file.size) {
    fail(file.path, "the archive's directory does not lie inside the file");
  }
  const view = new DataView((await file.read(at, END64_BYTES)).buffer);
  if (view.getUint32(0, true) !== END64) {
    fail(file.path, "the archive's 64-bit directory is not where it should be");
  }
  return {
    count: whole(file.path, view.getBigUint64(32, true)),
    size: whole(file.path, view.getBigUint64(40, true)),
    offset: whole(file.path, view.getBigUint64(48, true)),
  };
}

function readRecord(
  { path }: ByteSource,
  view: DataView,
  { at, name }: { at: number; name: string },
): ZipRecord {
  const label = `record ${JSON.stringify(name)}`;
  if ((view.getUint16(at + 8, true) & ENCRYPTED) !== 0) {
    fail(path, `${label} is encrypted`);
  }
  if (view.getUint16(at + 10, true) !== 0) {
    fail(path, `${label} is compressed, expected one that is not`);
  }
  let packed = view.getUint32(at + 20, true);
  let size = view.getUint32(at + 24, true);
  let header = view.getUint32(at + 42, true);
  let extra = at + CENTRAL_BYTES + view.getUint16(at + 28, true);
  const end = extra + view.getUint16(at + 30, true);
  while (extra + 4 <= end) {
    const bytes = view.getUint16(extra + 2, true);
    const limit = Math.min(extra + 4 + bytes, end);
    if (view.getUint16(extra, true) === EXTRA64) {
      let field = extra + 4;
      const wide = (): number => {
        if (field + 8 > limit) fail(path, `${label} lacks its 64-bit sizes`);
        const value = whole(path, view.getBigUint64(field, true));
        field += 8;
        return value;
      };
      if (size === UNKNOWN) size = wide();
      if (packed === UNKNOWN) packed = wide();
      if (header === UNKNOWN) header = wide();
    }
    extra = limit;
  }
  if (packed !== size) {
    fail(path, `${label} takes ${packed} bytes for ${size}`);
  }
  return { header, size, crc: view.getUint32(at + 16, true) };
}

function whole(path: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return fail(path, `the archive names byte ${value}`);
}

function checkName(path: string, name: string): void {
  const parts = name.split("/");
  if (!/[\\:\0]/.test(name) && parts[0] !== "" && !parts.includes("..")) return;
  fail(
    path,
    `it holds a record named ${JSON.stringify(name)}, which leads out of it`,
  );
}
