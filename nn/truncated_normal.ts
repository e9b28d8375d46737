// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Numbers from a truncated normal distribution, by inversion. Each of them
// takes one uniform number, so a table of 10⁸ elements is drawn in two passes:
//   y = √2 · std · erf⁻¹(u · erf(cutoff / √2)),  u uniform in [-1, 1)
// erf⁻¹ is computed by Giles' polynomials in w = -log(1 - x²) ("Approximating
// the erfinv function", GPU Computing Gems 2, 2010), with a relative error of
// 3e-7.

import {
  allocate,
  evaluateFlat,
  type Expression,
} from "../engine/kernel_kit.ts";
import { uniform } from "../engine/mod.ts";
import type { Initializer } from "./initializer.ts";

const CENTER = [
  2.81022636e-8,
  3.43273939e-7,
  -3.5233877e-6,
  -4.39150654e-6,
  2.1858087e-4,
  -1.25372503e-3,
  -4.17768164e-3,
  0.246640727,
  1.50140941,
];

const TAIL = [
  -2.00214257e-4,
  1.00950558e-4,
  1.34934322e-3,
  -3.67342844e-3,
  5.73950773e-3,
  -7.6224613e-3,
  9.43887047e-3,
  1.00167406,
  2.83297682,
];

/** WGSL of a polynomial, with the coefficient of the highest power first. */
function polynomial(coefficients: readonly number[], x: string): string {
  return coefficients.slice(1).reduce(
    (sum, c) => `fma(${sum}, ${x}, ${c})`,
    `${coefficients[0]}`,
  );
}

const W = "(-log((1.0 - u * reach) * (1.0 + u * reach)))";
const INVERSE = `select(${polynomial(TAIL, `(sqrt(${W}) - 3.0)`)}, ${
  polynomial(CENTER, `(${W} - 2.5)`)
}, ${W} < 5.0)`;

const TRUNCATED: Expression = {
  name: "truncated_normal",
  body: `clamp(scale * u * reach * ${INVERSE}, -bound, bound)`,
  operands: [["u", "f32"]],
  scalars: [["reach", "f32"], ["scale", "f32"], ["bound", "f32"]],
  result: "f32",
};

/** The error function by its power series, for arguments up to 5. */
function erf(x: number): number {
  let sum = 0;
  let term = x;
  for (let n = 0; n < 150; n++) {
    sum += term / (2 * n + 1);
    term *= -x * x / (n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}

/** Options of {@linkcode truncatedNormal}. */
export interface TruncatedNormalOptions {
  /** The standard deviation before truncation. @default {1} */
  std?: number;
  /** The largest magnitude, in standard deviations. @default {2} */
  cutoff?: number;
}

/**
 * Draws independent elements from a normal distribution of mean 0 that is
 * truncated at some standard deviations.
 *
 * @param options Standard deviation and cutoff.
 * @returns The initializer.
 * @throws {RangeError} If the cutoff is not positive.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([100], init.truncatedNormal({ std: 0.02, cutoff: 2 }));
 * assert((await x.data()).every((value) => Math.abs(value) <= 0.04));
 * ```
 */
export function truncatedNormal(
  options: TruncatedNormalOptions = {},
): Initializer {
  const { std = 1, cutoff = 2 } = options;
  if (!(cutoff > 0)) {
    throw new RangeError(
      `Cannot truncate a normal distribution at ${cutoff} standard deviations: ` +
        "it must be a positive number",
    );
  }
  return (shape, write) => {
    const u = uniform(shape, { low: -1, high: 1 });
    const values = allocate(u.device, shape);
    // At most the largest 32-bit float below 1, so that the logarithm is
    // finite.
    const reach = Math.min(
      erf(Math.min(cutoff, 6) / Math.SQRT2),
      1 - 2 ** -23,
    );
    evaluateFlat(values, TRUNCATED, [u], {
      reach,
      scale: std * Math.SQRT2,
      bound: std * cutoff,
    });
    u.dispose();
    write(values);
    values.dispose();
  };
}
