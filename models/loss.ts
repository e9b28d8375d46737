// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  type AnyTensor,
  cast,
  gather,
  greaterEqual,
  hasDType,
  type IntegerTensor,
  maximum,
  reshape,
  type Tensor,
  where,
} from "../engine/mod.ts";
import { bceWithLogits, crossEntropy, mseLoss } from "../nn/mod.ts";
import type { ProblemType } from "./config.ts";

/** Options of {@linkcode classificationLoss}. */
export interface ClassificationLossOptions {
  /** Which loss; `null` to decide by the labels. @default {null} */
  problemType?: ProblemType | null;
}

/**
 * The loss of a classification head, by Hugging Face's rule: one output means
 * regression, integer labels one class each, and float labels independent
 * classes, unless the configuration says otherwise.
 *
 * @param logits `[batch, labels]`.
 * @param labels `[batch]` or `[batch, 1]`, or `[batch, labels]` of floats.
 * @throws {TypeError} If the labels do not fit the problem.
 */
export function classificationLoss(
  logits: Tensor,
  labels: AnyTensor,
  options: ClassificationLossOptions = {},
): Tensor {
  const count = logits.shape.at(-1) ?? 1;
  const problem = options.problemType ??
    (count === 1
      ? "regression"
      : labels.dtype === "f32"
      ? "multi_label_classification"
      : "single_label_classification");
  const rows = logits.size / count;
  const isClasses = problem === "single_label_classification";
  if (isClasses && !hasDType(labels, "f32") && labels.size === rows) {
    return crossEntropy(logits, reshape(labels, logits.shape.slice(0, -1)));
  }
  if (isClasses && labels.size === logits.size) {
    return crossEntropy(logits, labels);
  }
  if (
    isClasses || !hasDType(labels, "f32") || labels.size !== logits.size
  ) {
    throw new TypeError(
      `Cannot find the loss of ${problem}: labels are ${labels.dtype} [${
        labels.shape.join(", ")
      }], expected ${
        isClasses ? `integers [${rows}], or f32` : "f32"
      } with as many elements as the logits [${logits.shape.join(", ")}]` +
        (labels.dtype === "f32" && labels.size === rows
          ? "; classes are integers, say dtype i32"
          : ""),
    );
  }
  const targets = reshape(labels, logits.shape);
  return problem === "regression"
    ? mseLoss(logits, targets)
    : bceWithLogits(logits, targets);
}

/**
 * Cross-entropy of one place among `[batch, length]` scores. As in transformers,
 * places before the text count as its first, and places beyond it are ignored.
 *
 * @param positions Integers `[batch]` or `[batch, 1]`.
 * @param mask 1 where a text has tokens, integers `[batch, length]`; none says
 * that it has all.
 * @throws {TypeError} If the positions are of another shape or no integers.
 */
export function positionLoss(
  scores: Tensor,
  positions: IntegerTensor,
  mask?: IntegerTensor,
): Tensor {
  const [batch = 0, length = 0] = scores.shape;
  if (hasDType(positions, "f32") || positions.size !== batch) {
    throw new TypeError(
      `Cannot find the loss of answers at ${positions.dtype} [${
        positions.shape.join(", ")
      }]: expected integers of shape [${batch}]`,
    );
  }
  const given = reshape(positions, [batch]);
  // Unsigned numbers cannot lie before the text.
  const own = given.dtype === "i32" ? maximum(given, 0) : cast(given, "i32");
  const beyond = greaterEqual(given, length);
  const wanted = where(beyond, -100, own);
  if (!mask) return crossEntropy(scores, wanted);
  const places = reshape(where(beyond, 0, own), [batch, 1]);
  const there = reshape(gather(mask, places, 1), [batch]);
  return crossEntropy(scores, where(there, wanted, -100));
}
