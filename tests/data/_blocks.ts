// Copyright 2026 the swagpu authors. MIT license.

/** A text in blocks of some length, as a file may be read. */
export async function* blocksOf(
  text: string,
  length: number,
): AsyncGenerator<string> {
  for (let i = 0; i < text.length; i += length) {
    yield await Promise.resolve(text.slice(i, i + length));
  }
}

/** A file in memory. */
export function file(name: string, ...parts: BlobPart[]): File {
  return new File(parts, name);
}

/** A file in memory with an object a line. */
export function jsonl(...rows: readonly object[]): File {
  return file("a.jsonl", ...rows.map((row) => JSON.stringify(row) + "\n"));
}
