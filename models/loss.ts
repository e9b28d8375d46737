// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  gather,
  greaterEqual,
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
 * @param labels `[batch]`, or `[batch, labels]` of floats.
 * @throws {TypeError} If the labels do not fit the problem.
 */
export function classificationLoss(
  logits: Tensor,
  labels: Tensor,
  options: ClassificationLossOptions = {},
): Tensor {
  const count = logits.shape.at(-1) ?? 1;
  const problem = options.problemType ??
    (count === 1
      ? "regression"
      : labels.dtype === "f32"
      ? "multi_label_classification"
      : "single_label_classification");
  if (problem === "single_label_classification") {
    return crossEntropy(logits, labels);
  }
  if (labels.dtype !== "f32" || labels.size !== logits.size) {
    throw new TypeError(
      `Cannot find the loss of ${problem}: labels are ${labels.dtype} [${
        labels.shape.join(", ")
      }], expected f32 with as many elements as the logits [${
        logits.shape.join(", ")
      }]`,
    );
  }
  const targets = reshape(labels, logits.shape);
  return problem === "regression"
    ? mseLoss(logits, targets)
    : bceWithLogits(logits, targets);
}

/**
 * Cross-entropy of one place among `[batch, length]` scores; places beyond the
 * text are ignored, as transformers clamps them to the length and ignores that.
 *
 * @param mask 1 where a text has tokens, integers `[batch, length]`; none says
 * that it has all.
 */
export function positionLoss(
  scores: Tensor,
  positions: Tensor,
  mask?: Tensor,
): Tensor {
  const [batch = 0, length = 0] = scores.shape;
  const beyond = greaterEqual(positions, length);
  const wanted = where(beyond, -100, positions);
  if (!mask) return crossEntropy(scores, wanted);
  const places = reshape(where(beyond, 0, positions), [batch, 1]);
  const there = reshape(gather(mask, places, 1), [batch]);
  return crossEntropy(scores, where(there, wanted, -100));
}
