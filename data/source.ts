// Copyright 2026 the swagpu authors. MIT license.

/**
 * Where data come from: a file, standard input, or a `Blob`; unpacked if it is in
 * gzip format.
 *
 * @module
 */

import { needModule, nodeProcess } from "../host/inside.ts";
import { disk, NotFound } from "../host/mod.ts";

/** A file by its path or address, `-` for standard input, or bytes in memory. */
export type FileSource = string | URL | Blob;

/** The name of standard input in messages. */
export const STANDARD_INPUT = "standard input";

/** How a source is called in messages. */
export function nameOf(source: FileSource): string {
  if (source === "-") return STANDARD_INPUT;
  if (source instanceof Blob) {
    return "name" in source && typeof source.name === "string"
      ? source.name
      : "the data in memory";
  }
  return source instanceof URL && source.protocol === "file:"
    ? decodeURIComponent(source.pathname)
    : String(source);
}

/**
 * Reads the bytes of a source, piece by piece. Gzip data are unpacked, whatever the
 * name of the file.
 *
 * @throws {NotFound} If there is no such file.
 * @throws {SyntaxError} If the gzip data are not complete.
 */
export async function* chunksOf(
  source: FileSource,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const name = nameOf(source);
  const chunks = rawChunks(source);
  try {
    let first: Uint8Array<ArrayBuffer> = new Uint8Array();
    while (first.length < 2) {
      const { done, value } = await chunks.next();
      if (done) break;
      first = joined(first, value);
    }
    const isPacked = name.endsWith(".gz") ||
      (first[0] === 0x1f && first[1] === 0x8b);
    const all = after(first, chunks);
    yield* isPacked ? unpacked(all, name) : all;
  } finally {
    await chunks.return(undefined); // Closes the file if nobody wants the rest.
  }
}

/** Puts two pieces of bytes into one. */
export function joined(
  a: Uint8Array<ArrayBuffer>,
  b: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

async function* after<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Whether standard input has been read, which would be empty now. */
let inputWasRead = false;

async function* rawChunks(
  source: FileSource,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (source instanceof Blob) return yield* source.stream();
  if (source === "-") {
    if (inputWasRead) {
      throw new TypeError(
        "Cannot read standard input again: it can be read only once",
      );
    }
    inputWasRead = true;
    return yield* nodeProcess()?.stdin ?? [];
  }
  const name = nameOf(source);
  try {
    yield* disk(name).readChunks(name);
  } catch (error) {
    if (error instanceof NotFound) {
      throw new NotFound(`Cannot read ${name}: there is no such file`);
    }
    // For example, a folder or a missing permission: the system's reason has no path.
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot read ${name}: ${reason}`, { cause: error });
  }
}

/** An error of the source itself, as opposed to one of unpacking. */
class SourceError {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

async function* unpacked(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let broken: SourceError | undefined;
  // Node's stream reads gzip data of several members, as `cat a.gz b.gz` makes.
  const gunzip = needModule("node:zlib").createGunzip();
  const input = needModule("node:stream").Readable.from(chunks);
  input.on("error", (error) => {
    broken = new SourceError(error);
    gunzip.destroy(error);
  });
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield new Uint8Array(chunk);
  } catch (error) {
    if (broken) throw broken.error;
    throw new SyntaxError(`Cannot read ${name}: it is not complete gzip data`, {
      cause: error,
    });
  } finally {
    input.destroy();
  }
}
