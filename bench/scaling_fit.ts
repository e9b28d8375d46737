// Copyright 2026 the swagpu authors. MIT license.

// Fits slopes in log-log plots: how time grows with a size, apart from a constant cost.

/** The median time at a size. */
export interface Point {
  x: number;
  milliseconds: number;
}

/** `milliseconds = constant + factor · x^slope`. */
export interface Fit {
  constant: number;
  factor: number;
  slope: number;
}

/** Options of {@linkcode fitSlope}. */
export interface FitOptions {
  /** The slope with which the constant is fitted. @default {1} */
  expected?: number;
  /** Whether there is a constant cost. @default {false} */
  constant?: boolean;
}

/**
 * Fits a power of x. The relative errors of all points have the same weight.
 *
 * A constant is fitted first, by the best `a + b·x^expected` with `0 ≤ a`, and then the
 * slope of what remains. Times that grow faster than expected give no positive `a`, so
 * the constant cannot hide them.
 */
export function fitSlope(
  points: readonly Point[],
  { expected = 1, constant = false }: FitOptions = {},
): Fit {
  if (points.length < 2) {
    throw new RangeError(
      `Cannot fit a slope to ${points.length} points: give two or more`,
    );
  }
  const least = Math.min(...points.map(({ milliseconds }) => milliseconds));
  const line = constant ? intercept(points, expected) : 0;
  const a = Math.min(Math.max(line, 0), 0.95 * least);
  // The error of log(t - a) is t / (t - a) times the error of log(t).
  const rows = points.map(({ x, milliseconds: t }) => ({
    x: Math.log(x),
    y: Math.log(t - a),
    weight: ((t - a) / t) ** 2,
  }));
  const { slope, offset } = regress(rows);
  return { constant: a, factor: Math.exp(offset), slope };
}

function intercept(points: readonly Point[], power: number): number {
  return regress(points.map(({ x, milliseconds }) => ({
    x: x ** power,
    y: milliseconds,
    weight: 1 / milliseconds ** 2,
  }))).offset;
}

function regress(
  rows: readonly { x: number; y: number; weight: number }[],
): { slope: number; offset: number } {
  let [total, meanX, meanY] = [0, 0, 0];
  for (const { x, y, weight } of rows) {
    total += weight;
    meanX += weight * x;
    meanY += weight * y;
  }
  meanX /= total;
  meanY /= total;
  let [xx, xy] = [0, 0];
  for (const { x, y, weight } of rows) {
    xx += weight * (x - meanX) ** 2;
    xy += weight * (x - meanX) * (y - meanY);
  }
  const slope = xy / xx;
  return { slope, offset: meanY - slope * meanX };
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}
