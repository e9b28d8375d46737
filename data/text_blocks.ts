// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads a file as text, block by block.
 *
 * @module
 */

import { chunksOf, type FileSource, joined, nameOf } from "./source.ts";

/**
 * Reads a text in UTF-8, or in UTF-16 if it begins with a byte order mark, in blocks
 * of some ten thousand letters. Gzip data are unpacked.
 *
 * @param source The path or address of a file, `-` for standard input, or a `Blob`.
 * @returns The text, piece by piece.
 * @throws {NotFound} If there is no such file.
 * @throws {SyntaxError} If it is not a text; the message names the line.
 *
 * @example Usage
 * ```ts
 * import { textBlocks } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const blocks = await Array.fromAsync(textBlocks(new Blob(["one\ntwo"])));
 * assertEquals(blocks.join(""), "one\ntwo");
 * ```
 */
export async function* textBlocks(source: FileSource): AsyncGenerator<string> {
  const name = nameOf(source);
  const lines = new LineCounter();
  let encoding: Encoding | undefined;
  let rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  const decode = (bytes: Uint8Array, end: boolean): [string, number] => {
    const first = encoding === undefined;
    const own = encoding ??= encodingOf(bytes);
    const length = end ? bytes.length : wholeLetters(bytes, own);
    const part = bytes.subarray(0, length);
    let text: string;
    try {
      text = decoder(own).decode(part);
    } catch {
      lines.add(validPrefix(part, own));
      throw new SyntaxError(
        `Cannot read ${name}: it is not ${own.toUpperCase()} text, because ` +
          `of a byte in line ${lines.line}`,
      );
    }
    if (first && text.startsWith("\ufeff")) text = text.slice(1);
    const zero = text.indexOf("\0");
    lines.add(zero < 0 ? text : text.slice(0, zero));
    if (zero < 0) return [text, length];
    throw new SyntaxError(
      `Cannot read ${name}: line ${lines.line} has a NUL byte, so it is not a ` +
        "text in UTF-8; save it as UTF-8",
    );
  };
  for await (const chunk of chunksOf(source)) {
    const bytes = joined(rest, chunk);
    if (encoding === undefined && bytes.length < 4) {
      rest = bytes;
      continue;
    }
    const [text, used] = decode(bytes, false);
    rest = bytes.subarray(used);
    yield text;
  }
  if (rest.length > 0) yield decode(rest, true)[0];
}

/** A line of a text, and its number from 1 on. */
export interface Line {
  readonly text: string;
  readonly line: number;
}

/** Cuts a text into lines, which end in LF, CRLF or CR, in any mixture. */
export async function* linesOf(
  blocks: AsyncIterable<string>,
): AsyncGenerator<Line> {
  let line = 1;
  let start = "";
  let afterCr = false;
  for await (const block of blocks) {
    let from = 0;
    for (const { 0: end, index } of block.matchAll(/\r\n|\n|\r/g)) {
      // A CRLF may be cut in two by the end of a block.
      const isSecondHalf = afterCr && index === 0 && end === "\n";
      if (!isSecondHalf) {
        yield { text: start + block.slice(from, index), line: line++ };
        start = "";
      }
      from = index + end.length;
    }
    start += block.slice(from);
    if (block !== "") afterCr = block.endsWith("\r");
  }
  if (start !== "") yield { text: start, line };
}

/** Counts the lines of a text that comes in pieces. */
export class LineCounter {
  /** The number of the line on which the text so far ends, from 1 on. */
  line = 1;
  #afterCr = false;

  /** Adds the next piece of the text. */
  add(text: string): void {
    if (text === "") return;
    if (this.#afterCr && text.startsWith("\n")) this.line--;
    this.line += text.match(/\r\n|\n|\r/g)?.length ?? 0;
    this.#afterCr = text.endsWith("\r");
  }

  /** Notes that text without a line end comes next. */
  pass(): void {
    this.#afterCr = false;
  }
}

type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/** The encoding, which a byte order mark tells. */
function encodingOf([first, second]: Uint8Array): Encoding {
  return first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
}

function decoder(encoding: Encoding): TextDecoder {
  return new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
}

/** How many bytes at the start hold whole letters, if what follows is not known. */
function wholeLetters(bytes: Uint8Array, encoding: Encoding): number {
  const { length } = bytes;
  if (encoding !== "utf-8") {
    const even = length - length % 2;
    const high = bytes[encoding === "utf-16le" ? even - 1 : even - 2] ?? 0;
    return high >= 0xd8 && high < 0xdc ? even - 2 : even;
  }
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return length;
    if (byte < 0xc0) continue; // It continues a letter.
    const needed = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < needed ? length - back : length;
  }
  return length;
}

/** The text before the first invalid byte, found by bisection. */
function validPrefix(bytes: Uint8Array, encoding: Encoding): string {
  const prefix = (length: number) =>
    decoder(encoding).decode(bytes.subarray(0, length), { stream: true });
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
