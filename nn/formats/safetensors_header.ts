// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The header of a safetensors file, read with checks.

import { fail, isCount } from "./malformed.ts";
import { bitsOf, isDtype } from "./safetensors_dtype.ts";
import type { SafetensorsDtype } from "./safetensors_dtype.ts";

/**
 * The bytes before the header: its length as a little-endian 64-bit integer.
 */
export const PREFIX_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
/** The name under which a header holds the metadata. */
export const METADATA = "__metadata__";
const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACE = 0x20;
/** The depth at which Python's reader fails. */
const MAX_DEPTH = 128;
const MAX_AXES = 1000;
const LARGE_HEADER_BYTES = 2 ** 20;

/**
 * Type, shape and place of a tensor, where the data after the header is at 0.
 */
export interface SafetensorsRange {
  /** The element type in the file. */
  readonly dtype: SafetensorsDtype;
  /** The sizes of the axes. */
  readonly shape: readonly number[];
  /** The offset of the first byte. */
  readonly begin: number;
  /** The offset after the last byte. */
  readonly end: number;
}

/** The content of a file's header. */
export interface SafetensorsHeader {
  /** The metadata of the file: strings by name. */
  readonly metadata: Record<string, string>;
  /** The tensors by name, in the order of their data. */
  readonly entries: ReadonlyMap<string, SafetensorsRange>;
}

/** Reads the length of the header from the first bytes of a file. */
export function headerLength(
  prefix: Uint8Array,
  fileBytes: number,
  source: string,
): number {
  if (fileBytes < PREFIX_BYTES || prefix.byteLength < PREFIX_BYTES) {
    fail(
      source,
      `it has ${fileBytes} bytes, expected at least ${PREFIX_BYTES}`,
    );
  }
  const { buffer, byteOffset } = prefix;
  const length = new DataView(buffer, byteOffset).getBigUint64(0, true);
  if (length === 0n) fail(source, "the header length is 0");
  if (length > MAX_HEADER_BYTES) {
    fail(
      source,
      `the header length is ${length}, expected at most ${MAX_HEADER_BYTES}`,
    );
  }
  if (Number(length) > fileBytes - PREFIX_BYTES) {
    fail(
      source,
      `the header length is ${length}, but only ${
        fileBytes - PREFIX_BYTES
      } bytes follow it`,
    );
  }
  return Number(length);
}

/**
 * Reads a header, and checks that its tensors fill the `dataBytes` bytes after
 * it without gaps or overlaps.
 */
export function parseHeader(
  bytes: Uint8Array,
  dataBytes: number,
  source: string,
): SafetensorsHeader {
  const fields = parseFields(bytes, source);
  let metadata: Record<string, string> = {};
  const entries: [string, SafetensorsRange][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === METADATA) metadata = checkMetadata(value, source);
    else entries.push([name, checkEntry(name, value, dataBytes, source)]);
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkRanges(entries, dataBytes, source);
  return { metadata, entries: new Map(entries) };
}

function parseFields(
  bytes: Uint8Array,
  source: string,
): Record<string, unknown> {
  if (bytes[0] !== OPENING_BRACE) {
    fail(source, 'the header does not start with "{"');
  }
  if (bytes.length > LARGE_HEADER_BYTES) checkShape(bytes, source);
  let json = "";
  try {
    json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    fail(source, "the header is not valid UTF-8");
  }
  let fields: Record<string, unknown> = {};
  try {
    fields = JSON.parse(json);
  } catch (error) {
    fail(
      source,
      `the header is not valid JSON (${
        error instanceof Error ? error.message : error
      })`,
    );
  }
  const repeated = repeatedKey(json);
  if (repeated !== null) {
    fail(source, `the header holds the name ${repeated} twice`);
  }
  return fields;
}

/**
 * Throws if a large header consists of anything but objects of short lists.
 * Without this check, `JSON.parse` could take fifty times the size of the
 * header.
 */
function checkShape(bytes: Uint8Array, source: string): void {
  let depth = 0;
  let commas = 0;
  let afterColon = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte <= SPACE) continue;
    if (depth === 1 && afterColon && byte !== OPENING_BRACE) {
      fail(
        source,
        "the header describes a tensor by a value that is not an object",
      );
    }
    afterColon = byte === COLON;
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) {
        if (bytes[i] === BACKSLASH) i++;
      }
    } else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) {
      commas = 0;
      if (++depth > MAX_DEPTH) {
        fail(source, `the header is nested more than ${MAX_DEPTH} deep`);
      }
    } else if (byte === OPENING_BRACE + 2 || byte === OPENING_BRACKET + 2) {
      depth--;
    } else if (byte === COMMA && depth > 2 && ++commas > MAX_AXES) {
      fail(source, `the header holds a list of more than ${MAX_AXES} numbers`);
    }
  }
}

/**
 * The first key that an object of valid JSON holds twice, or `null`.
 * `JSON.parse` would silently keep the last value.
 */
function repeatedKey(json: string): string | null {
  const open: Set<string>[] = [];
  let text = "";
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i++;
      for (; json[i] !== '"'; i++) if (json[i] === "\\") i++;
      text = json.slice(start, i + 1);
    } else if (character === ":") {
      const keys = open.at(-1);
      const key: string = JSON.parse(text);
      if (keys?.has(key)) return JSON.stringify(key);
      keys?.add(key);
    } else if (character === "{") {
      open.push(new Set());
    } else if (character === "}") {
      open.pop();
    }
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkMetadata(value: unknown, source: string): Record<string, string> {
  if (
    isObject(value) &&
    Object.values(value).every((text) => typeof text === "string")
  ) {
    return value as Record<string, string>;
  }
  return fail(source, `${METADATA} is not a map from names to strings`);
}

function checkEntry(
  name: string,
  value: unknown,
  dataBytes: number,
  source: string,
): SafetensorsRange {
  const tensor = `tensor ${JSON.stringify(name)}`;
  if (!isObject(value)) {
    return fail(source, `${tensor} is not described by an object`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) {
    return fail(
      source,
      `${tensor} has the unknown dtype ${JSON.stringify(dtype)}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(
      source,
      `${tensor} has the shape ${
        JSON.stringify(shape)
      }, expected a list of whole numbers`,
    );
  }
  if (
    !Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)
  ) {
    return fail(
      source,
      `${tensor} has the data_offsets ${
        JSON.stringify(offsets)
      }, expected two whole numbers`,
    );
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    fail(
      source,
      `${tensor} has the data_offsets [${begin}, ${end}], outside the ` +
        `${dataBytes} bytes of data`,
    );
  }
  const bytes = byteLength(dtype, shape);
  if (bytes === null) {
    return fail(
      source,
      `${tensor} of shape [${shape.join(", ")}] and dtype ${dtype} has no ` +
        "possible size",
    );
  }
  if (bytes !== end - begin) {
    fail(
      source,
      `${tensor} of shape [${
        shape.join(", ")
      }] and dtype ${dtype} takes ${bytes} bytes, but its data_offsets hold ${
        end - begin
      }`,
    );
  }
  return { dtype, shape, begin, end };
}

/** The size of a tensor in bytes; `null` if it is not a safe integer. */
export function byteLength(
  dtype: SafetensorsDtype,
  shape: readonly number[],
): number | null {
  if (shape.includes(0)) return 0;
  let bits = bitsOf(dtype);
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return null;
  }
  return bits % 8 === 0 ? bits / 8 : null;
}

function checkRanges(
  entries: readonly [string, SafetensorsRange][],
  dataBytes: number,
  source: string,
): void {
  let reached = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== reached) {
      fail(
        source,
        `tensor ${JSON.stringify(name)} starts at byte ${begin} of the data, ` +
          `but the ${
            reached === 0 ? "data starts" : "tensor before it ends"
          } ` +
          `at ${reached}`,
      );
    }
    reached = end;
  }
  if (reached !== dataBytes) {
    fail(
      source,
      `the tensors take ${reached} bytes, but ${dataBytes} follow the header`,
    );
  }
}
