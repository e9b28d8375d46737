// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads plain text, for language models.
 *
 * @module
 */

import type { DataRow } from "./rows.ts";
import { linesOf } from "./text_blocks.ts";

/** What is one row of a plain text. */
export type SampleBy = "line" | "paragraph" | "document";

/** The ways to cut a text into rows. */
export const SAMPLES: readonly SampleBy[] = ["line", "paragraph", "document"];

/**
 * Reads rows with one column, `text`. Blank lines are no rows; they separate
 * paragraphs, whose other line ends become LF.
 */
export async function* plainTextRows(
  blocks: AsyncIterable<string>,
  { path, sampleBy }: { path: string; sampleBy: SampleBy },
): AsyncGenerator<DataRow> {
  const columns = ["text"];
  let number = 0;
  let first = 1;
  let lines: string[] = [];
  const row = (): DataRow => {
    const cells = { text: lines.join("\n") };
    lines = [];
    return { cells, path, number: ++number, line: first, columns };
  };
  for await (const { text, line } of linesOf(blocks)) {
    const isBlank = text.trim() === "";
    if (isBlank && sampleBy !== "document") {
      if (lines.length > 0) yield row();
      continue;
    }
    if (lines.length === 0) first = line;
    lines.push(text);
    if (sampleBy === "line") yield row();
  }
  if (lines.some((text) => text.trim() !== "")) yield row();
}
