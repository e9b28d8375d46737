// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The moments of one parameter, in the form in which they are stored and in the
 * form that users read.
 *
 * @module
 */

import { type StoredDeviations, widen } from "./deviation_format.ts";

/** The moments of a parameter as they are stored. */
export interface RawMoments {
  mean: Float32Array<ArrayBuffer>;
  /** The sums of squared differences from the mean, for random parameters only. */
  squares: Float32Array<ArrayBuffer> | undefined;
  /** For random parameters only. */
  deviations: StoredDeviations | undefined;
}

/** The moments of a parameter, on the host. */
export interface Moments {
  /** The mean, row by row. */
  mean: Float32Array<ArrayBuffer>;
  /** The variance, at least `varClamp`; `undefined` if the parameter is not random. */
  variance: Float32Array<ArrayBuffer> | undefined;
  /** `[covMatRank, size]`, oldest first; `undefined` if none are kept. */
  deviations: Float32Array<ArrayBuffer> | undefined;
}

/** Turns sums of squares into variances, and deviations into 32-bit floats. */
export function momentsOf(
  { mean, squares, deviations }: RawMoments,
  { collections, varClamp }: { collections: number; varClamp: number },
): Moments {
  const count = Math.max(1, collections);
  const variance = squares?.map((m2) => Math.max(m2 / count, varClamp));
  return {
    mean,
    variance,
    deviations: deviations && widen(deviations, mean.length),
  };
}
