// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the lines of a text file one after the other, so that the file may be larger
 * than memory.
 *
 * @module
 */

import { textBlocks } from "../data/mod.ts";

/** Options of {@linkcode linesOf}. */
export interface LineOptions {
  /** Ends the lines early. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads lines, which keep their ends: LF or CRLF. The text is in UTF-8, or in UTF-16 if
 * it begins with a byte order mark. Gzip data are unpacked.
 *
 * @param path The file, or `-` for standard input.
 * @throws {NotFound} If there is no such file.
 * @throws {SyntaxError} If it is not a text; the message names the line.
 */
export async function* linesOf(
  path: string,
  { signal }: LineOptions = {},
): AsyncGenerator<string> {
  let rest = "";
  for await (const block of until(signal, textBlocks(path))) {
    const lines = (rest + block).split(/(?<=\n)/);
    rest = lines.at(-1)?.endsWith("\n") ? "" : lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Ends an iteration at once when a signal aborts, even while it waits for input. */
async function* until<T>(
  signal: AbortSignal | undefined,
  items: AsyncGenerator<T>,
): AsyncGenerator<T> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  signal?.addEventListener("abort", stop);
  try {
    while (!signal?.aborted) {
      const result = await Promise.race([items.next(), promise]);
      if (result === undefined || result.done) break;
      yield result.value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    // A read of standard input that waits cannot be ended: it is not waited for.
    const closed = items.return(undefined).catch(() => {});
    if (!signal?.aborted) await closed;
  }
}
