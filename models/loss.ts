// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The losses of heads, as transformers computes them.

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
  /** The kind of labels; `null` to decide by the labels. @default {null} */
  problemType?: ProblemType | null;
}

/**
 * The loss of a classification head, by the rule of transformers. Unless
 * `problemType` is given, one output means regression, integer labels mean one
 * class each, and float labels mean independent classes.
 *
 * @param logits The scores, `[batch, labels]`.
 * @param labels Integers `[batch]` or `[batch, 1]`; or floats, as many as
 * logits.
 * @param options The kind of labels.
 * @returns The loss, a scalar.
 * @throws {TypeError} If the labels do not fit the kind.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { classificationLoss } from "@swagpu/swagpu/models";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const labels = tensor([1], { dtype: "i32" });
 * const loss = classificationLoss(tensor([[0, 0]]), labels);
 * assertAlmostEquals(await loss.item(), Math.LN2, 1e-6);
 * ```
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
      `Cannot compute the loss of ${problem}: labels are ${labels.dtype} [${
        labels.shape.join(", ")
      }], expected ${
        isClasses ? `integers [${rows}], or f32` : "f32"
      } with as many elements as the logits [${logits.shape.join(", ")}]` +
        (labels.dtype === "f32" && labels.size === rows
          ? "; classes must be integers, such as dtype i32"
          : ""),
    );
  }
  const targets = reshape(labels, logits.shape);
  return problem === "regression"
    ? mseLoss(logits, targets)
    : bceWithLogits(logits, targets);
}

/**
 * The cross-entropy of one position in each text. As in transformers, positions
 * before the text count as its first, and positions beyond it are ignored.
 *
 * @param scores The scores of all positions, `[batch, length]`.
 * @param positions The correct positions, integers `[batch]` or `[batch, 1]`.
 * @param mask 1 for tokens, 0 for padding, integers `[batch, length]`.
 * Positions in padding are ignored; without a mask there is no padding.
 * @returns The loss, a scalar.
 * @throws {TypeError} If the positions have another shape or are not integers.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { positionLoss } from "@swagpu/swagpu/models";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const positions = tensor([3], { dtype: "i32" });
 * const loss = positionLoss(tensor([[0, 0, 0, 0]]), positions);
 * assertAlmostEquals(await loss.item(), Math.log(4), 1e-6);
 * ```
 */
export function positionLoss(
  scores: Tensor,
  positions: IntegerTensor,
  mask?: IntegerTensor,
): Tensor {
  const [batch = 0, length = 0] = scores.shape;
  if (hasDType(positions, "f32") || positions.size !== batch) {
    throw new TypeError(
      `Cannot compute the loss of answers at ${positions.dtype} [${
        positions.shape.join(", ")
      }]: expected integers of shape [${batch}]`,
    );
  }
  const given = reshape(positions, [batch]);
  // Only signed numbers can lie before the text.
  const own = given.dtype === "i32" ? maximum(given, 0) : cast(given, "i32");
  const beyond = greaterEqual(given, length);
  const labels = where(beyond, -100, own);
  if (!mask) return crossEntropy(scores, labels);
  const inside = reshape(where(beyond, 0, own), [batch, 1]);
  const isToken = reshape(gather(mask, inside, 1), [batch]);
  return crossEntropy(scores, where(isToken, labels, -100));
}
