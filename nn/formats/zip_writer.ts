// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Writes zip archives whose records are not compressed, as PyTorch does: data
// begins at multiples of 64 bytes, and the directory has its end in ZIP64.

import { crc32 } from "./crc32.ts";

/** A record to write. */
export interface ZipEntry {
  /** The name. */
  readonly name: string;
  /** Makes the data, when it is its turn. */
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

const ALIGNMENT = 64;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const END_BYTES = 22;
const MOST = 0xffffffff;

/** The extra field that PyTorch fills up with. */
const PADDING = 0x4246;
const EXTRA64 = 1;

/** What the directory says of a record. */
interface Written {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * The bytes of an archive, record by record, so that one record at a time is in
 * memory.
 *
 * @throws {RangeError} If a record has 4 GiB or more.
 */
export async function* zipChunks(
  entries: Iterable<ZipEntry>,
): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let at = 0;
  for (const { name, data } of entries) {
    const bytes = await data();
    if (bytes.length >= MOST) {
      throw new RangeError(
        `Cannot write ${name} of ${bytes.length} bytes: a record of an archive ` +
          "must have less than 4 GiB",
      );
    }
    const record = {
      name: new TextEncoder().encode(name),
      crc: crc32(bytes),
      size: bytes.length,
      offset: at,
    };
    written.push(record);
    const header = localHeader(record);
    yield header;
    yield bytes;
    at += header.length + bytes.length;
  }
  let size = 0;
  for (const record of written) {
    const line = directoryLine(record);
    yield line;
    size += line.length;
  }
  yield endOf(written.length, { offset: at, size });
}

/** The fields that a local header and the directory have in common. */
function writeFields(
  view: DataView,
  at: number,
  { name, crc, size }: Written,
): void {
  // The flag says that the name is UTF-8. Method and time are 0.
  view.setUint16(at + 2, 0x0800, true);
  view.setUint32(at + 10, crc >>> 0, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
}

function localHeader(record: Written): Uint8Array {
  const { name, offset } = record;
  const bare = offset + LOCAL_BYTES + name.length + 4;
  const padding = (ALIGNMENT - bare % ALIGNMENT) % ALIGNMENT;
  const bytes = new Uint8Array(LOCAL_BYTES + name.length + 4 + padding);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x04034b50, true);
  view.setUint16(4, 20, true);
  writeFields(view, 4, record);
  view.setUint16(28, 4 + padding, true);
  bytes.set(name, LOCAL_BYTES);
  view.setUint16(LOCAL_BYTES + name.length, PADDING, true);
  view.setUint16(LOCAL_BYTES + name.length + 2, padding, true);
  return bytes;
}

function directoryLine(record: Written): Uint8Array {
  const { name, offset } = record;
  const isFar = offset >= MOST;
  const bytes = new Uint8Array(CENTRAL_BYTES + name.length + (isFar ? 12 : 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, 45, true);
  view.setUint16(6, isFar ? 45 : 20, true);
  writeFields(view, 6, record);
  view.setUint16(30, isFar ? 12 : 0, true);
  view.setUint32(42, isFar ? MOST : offset, true);
  bytes.set(name, CENTRAL_BYTES);
  if (isFar) {
    const extra = CENTRAL_BYTES + name.length;
    view.setUint16(extra, EXTRA64, true);
    view.setUint16(extra + 2, 8, true);
    view.setBigUint64(extra + 4, BigInt(offset), true);
  }
  return bytes;
}

/** The end of the directory: in ZIP64, where to find that, and as it was before. */
function endOf(
  count: number,
  { offset, size }: { offset: number; size: number },
): Uint8Array {
  const bytes = new Uint8Array(END64_BYTES + LOCATOR_BYTES + END_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, BigInt(END64_BYTES - 12), true);
  view.setUint16(12, 45, true);
  view.setUint16(14, 45, true);
  view.setBigUint64(24, BigInt(count), true);
  view.setBigUint64(32, BigInt(count), true);
  view.setBigUint64(40, BigInt(size), true);
  view.setBigUint64(48, BigInt(offset), true);
  const locator = END64_BYTES;
  view.setUint32(locator, 0x07064b50, true);
  view.setBigUint64(locator + 8, BigInt(offset + size), true);
  view.setUint32(locator + 16, 1, true);
  const end = locator + LOCATOR_BYTES;
  view.setUint32(end, 0x06054b50, true);
  const few = Math.min(count, 0xffff);
  view.setUint16(end + 8, few, true);
  view.setUint16(end + 10, few, true);
  view.setUint32(end + 12, Math.min(size, MOST), true);
  view.setUint32(end + 16, Math.min(offset, MOST), true);
  return bytes;
}
