// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts to turn into other texts: translations, summaries.
 *
 * @module
 */

import { textAt } from "./bad_row.ts";
import { checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import { cellOf, type DataRow } from "./rows.ts";

/** A text, and the text that it should become. */
export interface SourceTargetExample {
  /** The text to read. */
  source: string;
  /** The text to write. */
  target: string;
}

/** Options of {@linkcode sourceTargetExamples}. */
export interface SourceTargetColumns {
  /**
   * The column of texts to read, or the language in an object `translation`.
   * @default {"source"}
   */
  source?: string | undefined;
  /**
   * The column of texts to write, or the language in an object `translation`.
   * @default {"target"}
   */
  target?: string | undefined;
}

/**
 * Examples of translation and summarization: two columns, two files with a text a line,
 * or objects with the texts by language, such as `{ "translation": { "en": "hello", "sv": "hej" } }`, as Hugging Face
 * has them.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if one of the texts is missing.
 * @throws {TypeError} If an option is not known.
 *
 * @example The three forms
 * ```ts
 * import { readExamples, sourceTargetExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const parse = sourceTargetExamples({ source: "en", target: "sv" });
 * for (
 *   const file of [
 *     { en: new Blob(["hello\n"]), sv: new Blob(["hej\n"]) },
 *     new File(['{"translation": {"en": "hello", "sv": "hej"}}\n'], "a.jsonl"),
 *     new File(["en\tsv\nhello\thej\n"], "a.tsv"),
 *   ]
 * ) {
 *   assertEquals(await readExamples(file, parse).toArray(), [
 *     { source: "hello", target: "hej" },
 *   ]);
 * }
 * ```
 */
export function sourceTargetExamples(
  columns: SourceTargetColumns = {},
): ExampleParser<SourceTargetExample> {
  checkOptions(columns, {
    action: "read sources and targets",
    known: ["source", "target"],
  });
  const { source = "source", target = "target" } = columns;
  return (row) => ({
    source: textAt(row, columnIn(row, source)),
    target: textAt(row, columnIn(row, target)),
  });
}

/** The column of that name, or the entry of the translation. */
function columnIn({ cells }: DataRow, name: string): string {
  if (Object.hasOwn(cells, name)) return name;
  const translation = cellOf(cells, "translation");
  const isObject = typeof translation === "object" && translation !== null;
  return isObject ? `translation.${name}` : name;
}
