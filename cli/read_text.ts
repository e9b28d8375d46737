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
  const isPacked = path.endsWith(".gz") ||
    (bytes[0] === 0x1f && bytes[1] === 0x8b);
  const text = decode(isPacked ? unpack(bytes, name) : bytes, name);
  const zero = text.indexOf("\0");
  if (zero < 0) return text;
  const line = linesOf(text.slice(0, zero));
  throw new SyntaxError(
    `Cannot read ${name}: line ${line} has a NUL byte, so it is not a text ` +
      "in UTF-8; save it as UTF-8",
  );
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (path === "-") {
    return await new Response(Deno.stdin.readable).bytes();
  }
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Deno.errors.NotFound(
        `Cannot read ${path}: there is no such file`,
      );
    }
    // For example, a folder or a missing permission: the system's reason has no path.
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
  }
}

function unpack(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new SyntaxError(`Cannot read ${name}: it is not complete gzip data`, {
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, name: string): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const line = linesOf(validPrefix(bytes, encoding));
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
