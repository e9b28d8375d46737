// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads Parquet files, one group of rows after the other.
 *
 * @module
 */

import {
  type AsyncBuffer,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { needModule } from "../host/inside.ts";
import { DiskReader } from "../nn/formats/mod.ts";
import { counted } from "./names.ts";
import { type DataRow, ExactNumber } from "./rows.ts";
import { type FileSource, nameOf } from "./source.ts";

function zlib(): typeof import("node:zlib") {
  return needModule("node:zlib");
}

/** What unpacks the columns; the reader itself knows Snappy. */
const COMPRESSORS: Compressors = {
  GZIP: (bytes) => new Uint8Array(zlib().gunzipSync(bytes)),
  BROTLI: (bytes) => new Uint8Array(zlib().brotliDecompressSync(bytes)),
  ZSTD: (bytes) => new Uint8Array(zlib().zstdDecompressSync(bytes)),
};

/**
 * Reads the rows of a Parquet file. Memory holds one group of rows, whose size the
 * program that wrote the file chose. Whole numbers of 64 bits become numbers or, where
 * they would be rounded, {@linkcode ExactNumber}; dates become texts of ISO 8601.
 *
 * @throws {SyntaxError} If the file is no Parquet file, or damaged.
 * @throws {TypeError} If it is standard input, which has no end to read first.
 */
export async function* parquetRows(
  source: FileSource,
): AsyncGenerator<DataRow> {
  const path = nameOf(source);
  if (source === "-") {
    throw new TypeError(
      "Cannot read Parquet from standard input: its table of contents is at " +
        "its end, so write it to a file",
    );
  }
  using disk = source instanceof Blob ? undefined : await DiskReader.open(path);
  const file: AsyncBuffer = {
    byteLength: disk?.size ?? (source as Blob).size,
    slice: async (start, end = file.byteLength) =>
      disk
        ? (await disk.read(start, end - start)).buffer
        : await (source as Blob).slice(start, end).arrayBuffer(),
  };
  const metadata = await orMalformed(path, () => parquetMetadataAsync(file));
  const columns = parquetSchema(metadata).children
    .map(({ element }) => element.name);
  let number = 0;
  let start = 0;
  for (const { num_rows } of metadata.row_groups) {
    const end = start + Number(num_rows);
    const rows = await orMalformed(
      path,
      () =>
        parquetReadObjects({
          file,
          metadata,
          rowStart: start,
          rowEnd: end,
          compressors: COMPRESSORS,
        }),
    );
    if (rows.length !== end - start) {
      throw new SyntaxError(
        `Cannot read ${path}: a group has ${
          counted(rows.length, "row")
        }, and the table of contents says ${end - start}`,
      );
    }
    for (const row of rows) {
      const cells = plain(row) as Record<string, unknown>;
      yield { cells, path, number: ++number, columns };
    }
    start = end;
  }
}

/** Says that a file is no Parquet file if the reader says so in its own words. */
async function orMalformed<T>(
  path: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}

/** The value as JSON would have it. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number)
      ? number
      : new ExactNumber(value.toString());
  }
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>, plain);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, plain(inner)]),
  );
}
