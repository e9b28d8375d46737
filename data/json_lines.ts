// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads JSON lines: files with one object per line.
 *
 * @module
 */

import { type JsonElement, jsonRows } from "./json_rows.ts";
import type { DataRow, FileRowsOptions } from "./rows.ts";
import { linesOf } from "./text_blocks.ts";

/**
 * Reads one object per line. Blank lines are skipped, and numbers keep all their
 * digits.
 *
 * @param blocks A text whose lines end in LF, CRLF or CR.
 * @throws {SyntaxError} If a line is not an object, or has a name twice.
 */
export function jsonLineRows(
  blocks: AsyncIterable<string>,
  options: FileRowsOptions,
): AsyncGenerator<DataRow> {
  return jsonRows(filledLines(blocks), options, (_row, line) => `line ${line}`);
}

async function* filledLines(
  blocks: AsyncIterable<string>,
): AsyncGenerator<JsonElement> {
  for await (const line of linesOf(blocks)) {
    if (line.text.trim() !== "") yield line;
  }
}
