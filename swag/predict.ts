// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  clamp,
  formatShape,
  keep,
  log,
  maximum,
  mean,
  mul,
  neg,
  noGrad,
  scope,
  softmax,
  sqrt,
  sub,
  sum,
  type Tensor,
} from "../engine/mod.ts";

/**
 * What sampled predictions say together. Entropies are in nats, and
 * `entropy = expectedEntropy + mutualInformation`.
 */
export interface Prediction {
  /** The mean probabilities, `[batch, ..., classes]`. */
  probabilities: Tensor;
  /** The entropy of the mean, `[batch, ...]`: all uncertainty. */
  entropy: Tensor;
  /** The mean of the samples' entropies: noise in the data. */
  expectedEntropy: Tensor;
  /** What the samples disagree about: what more data would teach. At least 0. */
  mutualInformation: Tensor;
  /** The standard deviation of each probability, `[batch, ..., classes]`. */
  std: Tensor;
}

/** Below it a probability adds nothing to an entropy in 32 bits. */
const TINY = 1e-30;

/**
 * Summarises logits of several samples, on the GPU:
 *
 * ```text
 * p̄ = 1/S Σₛ pₛ      H = -Σ p̄ log p̄      E = -1/S Σₛ Σ pₛ log pₛ      I = H - E
 * ```
 *
 * @param logits `[batch, samples, ..., classes]`, as
 * {@linkcode SwagModel.getLogits} gives them.
 * @throws {TypeError} If there are fewer than three axes.
 *
 * @example Two sure samples that contradict each other
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { summarizeLogits } from "@swagpu/swagpu/swag";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const { mutualInformation } = summarizeLogits(tensor([[[50, 0], [0, 50]]]));
 * assertAlmostEquals(await mutualInformation.item(), Math.LN2, 1e-5);
 * ```
 */
export function summarizeLogits(logits: Tensor): Prediction {
  if (logits.shape.length < 3) {
    throw new TypeError(
      `Cannot summarise logits of shape ${formatShape(logits.shape)}: ` +
        "expected [batch, samples, ..., classes]",
    );
  }
  using _ = scope();
  return noGrad(() => {
    const samples = softmax(logits);
    const probabilities = mean(samples, { axis: 1 });
    const entropy = entropyOf(probabilities);
    const expectedEntropy = mean(entropyOf(samples), { axis: 1 });
    const mutualInformation = clamp(
      sub(entropy, expectedEntropy),
      0,
      Infinity,
    );
    const centred = sub(samples, mean(samples, { axis: 1, keepDims: true }));
    const std = sqrt(mean(mul(centred, centred), { axis: 1 }));
    return {
      probabilities: keep(probabilities),
      entropy: keep(entropy),
      expectedEntropy: keep(expectedEntropy),
      mutualInformation: keep(mutualInformation),
      std: keep(std),
    };
  });
}

/** -Σ p log p over the last axis, with 0 log 0 = 0. */
function entropyOf(p: Tensor): Tensor {
  return neg(sum(mul(p, log(maximum(p, TINY))), { axis: -1 }));
}
