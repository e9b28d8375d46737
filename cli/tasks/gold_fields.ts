// Copyright 2026 the swagpu authors. MIT license.

/**
 * The true label of a text in a file of predictions.
 *
 * @module
 */

import { cellOf } from "../../data/mod.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import { argmaxRows } from "../../nn/mod.ts";
import { isMultiLabel, isRegression } from "../classifier.ts";
import { namesOf } from "../labels.ts";
import { textOfCell } from "../table_columns.ts";
import type { LabeledText } from "./labeled_texts.ts";
import type { LabelValue } from "./label_values.ts";

/**
 * The fields of the true label: one label as the file has it, the names of several
 * classes, or several numbers by name. Of votes it is the class that has most, which
 * other runs can be compared by, with the shares of all.
 */
export function goldFields(
  { row, columns }: LabeledText,
  label: LabelValue,
  config: PretrainedConfig,
): Record<string, unknown> {
  const names = namesOf(config);
  if (typeof label === "number") {
    return { gold: textOfCell(cellOf(row.cells, columns.labels[0] ?? "")) };
  }
  const byName = Object.fromEntries(names.map((name, id) => [name, label[id]]));
  if (isRegression(config)) return { gold: byName };
  if (isMultiLabel(config)) {
    return { gold: names.filter((_, id) => label[id] === 1) };
  }
  const [most = 0] = argmaxRows(label, { classes: names.length });
  return { gold: names[most], goldProbabilities: byName };
}
