// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the lines of a text file one after the other, so that the file may be larger
 * than memory.
 *
 * @module
 */

// Node's stream reads gzip data of several members, as `cat a.gz b.gz` makes.
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import {
  decodeText,
  isGzip,
  isUtf16,
  readError,
  STANDARD_INPUT,
  unpackError,
} from "./read_text.ts";

const LF = 10;

type Bytes = Uint8Array<ArrayBuffer>;

/** Options of {@linkcode linesOf}. */
export interface LineOptions {
  /** Ends the lines early. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads lines, which keep their ends: LF or CRLF. The text is in UTF-8, or in UTF-16 if
 * it begins with a byte order mark, and then it is read as a whole. Gzip data is
 * unpacked.
 *
 * @param path The file, or `-` for standard input.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If it is not a text; the message names the line.
 */
export async function* linesOf(
  path: string,
  { signal }: LineOptions = {},
): AsyncGenerator<string> {
  const name = path === "-" ? STANDARD_INPUT : path;
  const chunks = unpacked(chunksOf(path, signal), { path, name });
  let line = 1;
  for await (const block of wholeLines(chunks)) {
    const lines = decodeText(block, name, line).split(/(?<=\n)/);
    yield* lines;
    line += lines.length;
  }
}

/** The bytes of a file as they are read. */
async function* chunksOf(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes> {
  let stream: ReadableStream<Bytes>;
  try {
    stream = path === "-"
      ? Deno.stdin.readable
      : (await Deno.open(path)).readable;
  } catch (error) {
    throw readError(path, error);
  }
  const reader = stream.getReader();
  // A read that waits for more input ends at once.
  const stop = () => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", stop);
  try {
    while (!signal?.aborted) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw readError(path, error); // For example, it is a folder.
  } finally {
    signal?.removeEventListener("abort", stop);
    // Nobody may want the rest, for example after an error.
    await reader.cancel().catch(() => {});
  }
}

/** Unpacks gzip data; other data stays as it is. */
async function* unpacked(
  chunks: AsyncGenerator<Bytes>,
  { path, name }: { path: string; name: string },
): AsyncGenerator<Bytes> {
  // Two bytes tell what it is, and a pipe may give them one by one.
  let start: Bytes = new Uint8Array();
  while (start.length < 2) {
    const { value, done } = await chunks.next();
    if (done) break;
    start = concat([start, value]);
  }
  const all = (async function* () {
    if (start.length > 0) yield start;
    yield* chunks;
  })();
  if (!path.endsWith(".gz") && !isGzip(start)) {
    yield* all;
    return;
  }
  let failed = false;
  // An error of the file itself passes through unchanged.
  const source = Readable.from((async function* () {
    try {
      yield* all;
    } catch (error) {
      failed = true;
      throw error;
    }
  })());
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  try {
    for await (const chunk of source.pipe(gunzip)) yield new Uint8Array(chunk);
  } catch (error) {
    throw failed ? error : unpackError(name, error);
  } finally {
    source.destroy();
  }
}

/** Cuts bytes at the ends of lines. A text in UTF-16 stays whole. */
async function* wholeLines(
  chunks: AsyncIterable<Bytes>,
): AsyncGenerator<Bytes> {
  let parts: Bytes[] = [];
  let isWhole: boolean | undefined;
  for await (const chunk of chunks) {
    isWhole ??= isUtf16(chunk);
    const end = isWhole ? 0 : chunk.lastIndexOf(LF) + 1;
    if (end === 0) {
      parts.push(chunk);
      continue;
    }
    yield concat([...parts, chunk.subarray(0, end)]);
    parts = end < chunk.length ? [chunk.subarray(end)] : [];
  }
  if (parts.length > 0) yield concat(parts);
}

function concat(parts: readonly Bytes[]): Bytes {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
