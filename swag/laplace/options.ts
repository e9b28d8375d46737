// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The options with which a Laplace approximation is fitted, and their check.
 *
 * @module
 */

import { checkOptions, type Linear } from "../../nn/mod.ts";
import type { HessianStructure } from "./curvature.ts";
import type { PredictionProblem } from "../predict.ts";

/** Options of {@linkcode LastLayerLaplace.fit}. */
export interface LastLayerLaplaceOptions {
  /**
   * Which elements of the Hessian are used: all, or the diagonal alone. A full one
   * has (features · classes)² elements for a choice among classes, and features²
   * for each label, or for all numbers together.
   *
   * @default {"full"}
   */
  hessianStructure?: HessianStructure | undefined;
  /**
   * The precision of the Gaussian prior of the layer's weights, whose mean is 0.
   *
   * @default {that with the largest evidence}
   */
  priorPrecision?: number | undefined;
  /**
   * The standard deviation of the noise in numbers that are predicted.
   *
   * @default {that with the largest evidence}
   */
  noise?: number | undefined;
  /**
   * What the model predicts: numbers, one of several classes, or several labels of
   * which any number may apply.
   *
   * @default {what the model's `config.problemType` says, else one of several
   * classes}
   */
  problemType?: PredictionProblem | undefined;
  /** The layer. @default {the last `Linear` in attribute order} */
  layer?: Linear | undefined;
}

const OPTIONS: readonly (keyof LastLayerLaplaceOptions)[] = [
  ...["hessianStructure", "priorPrecision", "noise", "problemType"] as const,
  "layer",
];

/** Throws if an option is not known or out of range. */
export function checkLaplaceOptions(options: LastLayerLaplaceOptions): void {
  const action = "fit the last layer";
  checkOptions(options, { action, known: OPTIONS });
  const { hessianStructure = "full", problemType } = options;
  const { priorPrecision, noise } = options;
  requirePositive(action, { priorPrecision, noise });
  const choices = [
    ["hessianStructure", hessianStructure, ["full", "diag"]],
    ["problemType", problemType, PROBLEMS],
  ] as const;
  for (const [name, value, known] of choices) {
    if (value === undefined || known.some((one) => one === value)) continue;
    throw new RangeError(
      `Cannot ${action} with ${name} "${value}": it must be ${
        known.map((one) => `"${one}"`).join(" or ")
      }`,
    );
  }
}

const PROBLEMS = [
  "regression",
  "single_label_classification",
  "multi_label_classification",
] as const satisfies readonly PredictionProblem[];

/** Throws unless all numbers that are given are positive. */
export function requirePositive(
  action: string,
  values: Readonly<Record<string, number | undefined>>,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || (value > 0 && value < Infinity)) continue;
    throw new RangeError(
      `Cannot ${action} with ${name} ${value}: it must be a positive number`,
    );
  }
}
