// Copyright 2026 the swagpu authors. MIT license.

// Compares weights after a few steps of AdamW, which divides each gradient by its own
// size: where a gradient is as small as its rounding, the step is chance.

import { compare, type Comparison, maxAbs } from "./compare.ts";

/** Any weight may differ by this much, as every step is rounded. */
const ROUNDING = 1e-5;

/**
 * The largest share of a tensor that may differ by more. The files say how large it
 * is; XLNet's allow more for all tensors, because of {@linkcode FAINT}.
 */
const MOST_ABOVE = 0.005;

/**
 * The weights by which XLNet turns distances into keys. A row of them belongs to a
 * sinusoid, and the slow ones hardly change within a short text. Softmax leaves out
 * what all keys have in common, so that gradients fall from row to row, to a ten
 * millionth of the largest and less.
 */
const FAINT = /(^|\.)rel_attn\.r$/;

/** The weights of a parameter after steps, and what is known about them. */
export interface Steps {
  readonly actual: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
  /** The gradient at the first step. */
  readonly gradient: ArrayLike<number>;
  /** How exact gradients are in float32, as a share of the largest. */
  readonly rounding: number;
  /** The most that AdamW moves a weight in all steps. */
  readonly way: number;
  /** The most by which any weight may differ. */
  readonly most: number;
  /** The share of the weights that may differ by more than 1e-5. */
  readonly mostAbove: number;
}

/** Compares the weights of a parameter. */
export function compareSteps(name: string, steps: Steps): Comparison {
  const { actual, expected, most } = steps;
  const result = compare(name, actual, expected, {
    absolute: most,
    relative: 0,
  });
  let above = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!(differenceAt(steps, i) <= ROUNDING)) above++;
  }
  const isNear = FAINT.test(name)
    ? hasFaintGradients(steps)
    // In any tensor, at least one element may have a gradient close to 0.
    : above <= Math.max(
      1,
      Math.min(steps.mostAbove, MOST_ABOVE) * expected.length,
    );
  return {
    ...result,
    ok: result.ok && isNear,
    ...(above > 0 ? { note: `${above} of ${expected.length} above 1e-5` } : {}),
  };
}

function differenceAt({ actual, expected }: Steps, i: number): number {
  return Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN));
}

/**
 * Whether each weight differs by no more than that share of its way that the rounding
 * is of its gradient.
 */
function hasFaintGradients(steps: Steps): boolean {
  const { expected, gradient, rounding, way } = steps;
  const error = rounding * maxAbs(gradient);
  return Array.from(expected).every((_, i) => {
    const share = Math.min(1, error / Math.abs(gradient[i] ?? NaN));
    return differenceAt(steps, i) <= ROUNDING + way * share;
  });
}
