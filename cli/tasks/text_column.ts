// Copyright 2026 the swagpu authors. MIT license.

/**
 * Chooses the column of texts.
 *
 * @module
 */

import { findColumn, type Table } from "../../data/mod.ts";
import type { Arguments } from "../arguments.ts";

/**
 * The column of texts: that of the option, else that of the training if the file has
 * it, else `text`.
 *
 * @throws {RangeError} If the file lacks the column.
 */
export function textColumn(
  table: Table,
  args: Arguments,
  remembered: string | undefined,
): string {
  const usual = remembered !== undefined && table.columns.includes(remembered)
    ? remembered
    : "text";
  return findColumn(table, args.text("text-column") ?? usual, "--text-column");
}
