// Copyright 2026 the swagpu authors. MIT license.

/**
 * The probability from which on a class is predicted, where a text may have several.
 *
 * @module
 */

import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { isMultiLabel, isRegression } from "../classifier.ts";

/** The probability from which on a class is predicted, if no option says it. */
export const THRESHOLD = 0.5;

/** The option that sets it. */
export const THRESHOLD_OPTION: Option = {
  name: "threshold",
  value: "X",
  help: "Least probability of a class that is predicted, if a text may have " +
    `several (${THRESHOLD}).`,
};

/**
 * Reads {@linkcode THRESHOLD_OPTION}.
 *
 * @throws {TypeError} If it is given for a model that chooses one class, or of numbers.
 */
export function thresholdOf(args: Arguments, config: PretrainedConfig): number {
  const given = args.number("threshold", { min: 0, max: 1 });
  if (given === undefined) return THRESHOLD;
  if (isMultiLabel(config)) return given;
  throw new TypeError(
    `Cannot use --threshold ${given}: the model ` +
      (isRegression(config)
        ? "predicts numbers"
        : "chooses the most probable class of each text"),
  );
}
