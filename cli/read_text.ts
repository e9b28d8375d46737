// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the text of a file, of a compressed file, or of standard input.
 *
 * @module
 */

// Node's function reads gzip data of several members, as `cat a.gz b.gz` makes.
import { gunzipSync } from "node:zlib";

/** The name of standard input in messages. */
export const STANDARD_INPUT = "standard input";

/**
 * Reads a text in UTF-8, or in UTF-16 if it begins with a byte order mark.
 *
 * @param path The file, or `-` for standard input. Gzip data is unpacked, whatever
 * the name of the file.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If it is not a text.
 */
export async function readText(path: string): Promise<string> {
  const name = path === "-" ? STANDARD_INPUT : path;
  const bytes = await readBytes(path);
  const isPacked = path.endsWith(".gz") || isGzip(bytes);
  return decodeText(isPacked ? unpack(bytes, name) : bytes, name);
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (path === "-") {
    return await new Response(Deno.stdin.readable).bytes();
  }
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/** The error for a file that cannot be read. */
export function readError(path: string, error: unknown): Error {
  if (error instanceof Deno.errors.NotFound) {
    return new Deno.errors.NotFound(
      `Cannot read ${path}: there is no such file`,
    );
  }
  // For example, a folder or a missing permission: the system's reason has no path.
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`Cannot read ${path}: ${reason}`, { cause: error });
}

/** The error for gzip data that cannot be unpacked. */
export function unpackError(name: string, error: unknown): SyntaxError {
  return new SyntaxError(
    `Cannot read ${name}: it is not complete gzip data`,
    { cause: error },
  );
}

function unpack(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw unpackError(name, error);
  }
}

/**
 * Decodes a text in UTF-8, or in UTF-16 if it begins with a byte order mark.
 *
 * @param bytes The text.
 * @param name The file, for messages.
 * @param line The number of its first line, for messages.
 * @throws {SyntaxError} If it is not a text; the message names the line.
 */
export function decodeText(bytes: Uint8Array, name: string, line = 1): string {
  const text = decode(bytes, name, line);
  const zero = text.indexOf("\0");
  if (zero < 0) return text;
  const place = line - 1 + linesOf(text.slice(0, zero));
  throw new SyntaxError(
    `Cannot read ${name}: line ${place} has a NUL byte, so it is not a text ` +
      "in UTF-8; save it as UTF-8",
  );
}

/** Whether bytes begin with the mark of UTF-16, which has two orders. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return first === 0xff && second === 0xfe ||
    first === 0xfe && second === 0xff;
}

/** Whether bytes begin as gzip data does. */
export function isGzip([first, second]: Uint8Array): boolean {
  return first === 0x1f && second === 0x8b;
}

function decode(bytes: Uint8Array, name: string, firstLine: number): string {
  // Only the beginning of a file has a byte order mark.
  const isStart = firstLine === 1;
  const encoding = !isStart || !isUtf16(bytes)
    ? "utf-8"
    : bytes[0] === 0xff
    ? "utf-16le"
    : "utf-16be";
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: !isStart })
      .decode(bytes);
  } catch {
    const line = firstLine - 1 + linesOf(validPrefix(bytes, encoding));
    throw new SyntaxError(
      `Cannot read ${name}: it is not ${encoding.toUpperCase()} text, because ` +
        `of a byte in line ${line}`,
    );
  }
}

/** The text before the first invalid byte, found by bisection. */
function validPrefix(bytes: Uint8Array, encoding: string): string {
  const prefix = (length: number) =>
    new TextDecoder(encoding, { fatal: true })
      .decode(bytes.subarray(0, length), { stream: true });
  let text = "";
  for (let low = 0, high = bytes.length; low < high;) {
    const middle = (low + high + 1) >> 1;
    try {
      text = prefix(middle);
      low = middle;
    } catch {
      high = middle - 1;
    }
  }
  return text;
}

/** The number of the last line of a text. */
function linesOf(text: string): number {
  return text.split(/\r\n|\n|\r/).length;
}
