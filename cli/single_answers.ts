// Copyright 2026 the swagpu authors. MIT license.

/**
 * Models that give each text one class or one number, for the commands that need it.
 *
 * @module
 */

import { AutoConfig, type PretrainedConfig } from "../models/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import { isMultiLabel, isRegression } from "./classifier.ts";
import {
  COLUMN_OPTIONS,
  LABEL_OPTION,
  NO_PAIRS_OPTION,
  SKIP_OPTION,
} from "./columns.ts";
import { FILE_OPTIONS, SKIP_ROWS_OPTION } from "./input_files.ts";
import { rememberedLabels } from "./tasks/label_columns.ts";
import { taskOfModel } from "./tasks/registry.ts";

/** The options of the labeled texts that such models are measured on. */
export const LABELED_FILE_OPTIONS: readonly Option[] = [
  ...COLUMN_OPTIONS,
  NO_PAIRS_OPTION,
  LABEL_OPTION,
  SKIP_OPTION,
  SKIP_ROWS_OPTION,
  ...FILE_OPTIONS,
];

/**
 * Reads the configuration of a model.
 *
 * @param source A folder, or a model of the hub.
 * @param command The command that needs one answer a text.
 * @param args Its options.
 * @throws {TypeError} If the model predicts several labels or numbers for a text: one
 * of them alone would look like a complete answer. Or if its labels were votes, which
 * are not one class a row, or it is not for text classification at all.
 */
export async function singleAnswerConfig(
  source: string,
  command: string,
  args: Arguments,
): Promise<PretrainedConfig> {
  const config = await AutoConfig.fromPretrained(source);
  const task = taskOfModel(config, source);
  const several = task.name !== "text-classification"
    ? `it is a model for ${task.name}`
    : isMultiLabel(config)
    ? "it predicts several labels for each text"
    : isRegression(config) && config.numLabels !== 1
    ? `it predicts ${config.numLabels} numbers for each text`
    : undefined;
  if (several !== undefined) {
    throw new TypeError(
      `Cannot ${command} ${source}: ${several}, and ${command} needs one class ` +
        "or one number; use evaluate",
    );
  }
  const isSoft = rememberedLabels(config)?.isSoft === true;
  if (!isSoft || args.text("label-column") !== undefined) return config;
  throw new TypeError(
    `Cannot ${command} ${source} without --label-column: it was trained on ` +
      `votes, and ${command} needs one class a row; name the column that has it`,
  );
}
