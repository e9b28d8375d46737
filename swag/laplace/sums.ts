// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pass over the data in which a Laplace approximation is fitted.
 *
 * @module
 */

import {
  add,
  keep,
  noGrad,
  scope,
  type Tensor,
  unsqueeze,
} from "../../engine/mod.ts";
import type { Linear, Module } from "../../nn/mod.ts";
import {
  type CurvatureShape,
  CurvatureSums,
  type HessianStructure,
} from "./curvature.ts";
import type { LastLayerLaplaceOptions } from "./options.ts";
import { runLayer } from "./last_layer.ts";
import { type PredictionProblem, problemOf } from "../predict.ts";
import { inMode, type LogitsOutput } from "../runs.ts";

/**
 * The most elements of a full Hessian: 4,096 weights of classes. It takes 128 MiB
 * of GPU memory with a batch's share, and 384 MiB on the host.
 */
const MOST_ELEMENTS = 4096 ** 2;

/** What a fit sums up. */
interface SumOptions extends LastLayerLaplaceOptions {
  readonly model: Module;
  readonly layer: Linear;
  readonly hessianStructure: HessianStructure;
}

/** Runs the model on all batches, and sums up the curvature. */
export function sumUp(
  runs: readonly (() => LogitsOutput)[],
  { model, layer, hessianStructure, problemType: asked, noise }: SumOptions,
): {
  sums: CurvatureSums;
  logits: Tensor[];
  problemType: PredictionProblem;
} {
  const [outputs = 0, width = 0] = layer.weight.shape;
  const columns = width + (layer.bias ? 1 : 0);
  const begin = (logits: Tensor) => {
    const problemType = asked ?? problemOf(model, unsqueeze(logits, 1)) ??
      defaultProblem(outputs);
    if (noise !== undefined && problemType !== "regression") {
      throw new RangeError(
        `Cannot fit the last layer with noise ${noise}: only numbers have noise`,
      );
    }
    const structure = hessianStructure;
    const shape = { problemType, structure, outputs, columns };
    checkSize(shape);
    const hasBias = layer.bias !== undefined;
    return { problemType, sums: new CurvatureSums(shape, hasBias) };
  };
  return noGrad(() =>
    inMode(model, false, () => {
      let begun: ReturnType<typeof begin> | undefined;
      const logits: Tensor[] = [];
      try {
        for (const forward of runs) {
          using _ = scope();
          const run = runLayer(layer, forward);
          begun ??= begin(run.logits);
          begun.sums.add(run);
          logits.push(keep(add(run.logits, 0)));
        }
        return { ...begun as ReturnType<typeof begin>, logits };
      } catch (error) {
        begun?.sums[Symbol.dispose]();
        throw error;
      }
    })
  );
}

/** What a model that does not say it predicts. */
function defaultProblem(outputs: number): PredictionProblem {
  if (outputs > 1) return "single_label_classification";
  throw new TypeError(
    "Cannot fit the last layer to a single logit: it is no choice among classes, " +
      'pass problemType: "regression" or "multi_label_classification"',
  );
}

/** Throws if a full Hessian would be too large. */
function checkSize(
  { problemType, structure, outputs, columns }: CurvatureShape,
): void {
  if (structure === "diag") return;
  const [blocks, size] = problemType === "single_label_classification"
    ? [1, outputs * columns]
    : [problemType === "regression" ? 1 : outputs, columns];
  const elements = blocks * size * size;
  if (elements <= MOST_ELEMENTS) return;
  throw new RangeError(
    `Cannot fit a full Hessian of ${
      outputs * columns
    } weights: it would have ` +
      `${elements} elements of the most ${MOST_ELEMENTS}, use hessianStructure ` +
      '"diag"',
  );
}
