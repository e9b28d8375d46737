// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts of a table, or the pairs of texts, as they stand there.
 *
 * @module
 */

import type { RowSource, Table } from "../data/mod.ts";
import { count, counted } from "../data/names.ts";
import type { Columns } from "./columns.ts";
import { columnOf } from "./table_columns.ts";

/** The texts of a file. */
export interface RawTexts extends RowSource {
  /** The texts. */
  readonly texts: readonly string[];
  /** The second texts, for tasks on pairs. */
  readonly pairs: readonly string[] | undefined;
}

/** The texts of a table. */
export function textsOf(
  table: Table,
  { text, pair }: Pick<Columns, "text" | "pair">,
): RawTexts {
  const { path, lines, numbers } = table;
  return {
    path,
    ...lines ? { lines } : {},
    ...numbers ? { numbers } : {},
    texts: columnOf(table, text),
    pairs: pair === undefined ? undefined : columnOf(table, pair),
  };
}

/** Says how many rows have an empty text. It may be intended, so it is no error. */
export function emptyRemark(
  { path, texts, pairs }: RawTexts,
): string | undefined {
  const isEmpty = (text: string | undefined) => text?.trim() === "";
  const empty = texts.filter((text, i) => isEmpty(text) || isEmpty(pairs?.[i]));
  return empty.length === 0
    ? undefined
    : `${count(empty.length)} of ${counted(texts.length, "row")} of ${path} ` +
      `without a text${pairs ? ", or without the second" : ""}`;
}
