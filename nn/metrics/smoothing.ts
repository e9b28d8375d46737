// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A Gaussian kernel smoother of values at places in [0, 1], on a fine grid, as
// relplot (apple/ml-calibration) computes it.

/** A smoothed function at equally spaced places from 0 to 1. */
export interface Smoothed {
  /** The weighted mean of the values near each place. */
  mean: Float64Array<ArrayBuffer>;
  /** How much weight there is near each place. */
  density: Float64Array<ArrayBuffer>;
}

/** What is smoothed, and how. */
export interface SmoothOptions {
  /** The standard deviation of the kernel. */
  bandwidth: number;
  /**
   * `"reflected"` mirrors the values at 0 and 1, so that the ends lose no
   * weight; `"logit"` smooths on the logarithm of the odds.
   */
  kernel: "reflected" | "logit";
  /** The number of places. */
  points: number;
}

/** Added to every density, so that nothing is divided by 0. */
const LEAST_DENSITY = 1e-4;

/** Smooths values at places in [0, 1]. */
export function smooth(
  places: ArrayLike<number>,
  values: ArrayLike<number>,
  { bandwidth, kernel, points }: SmoothOptions,
): Smoothed {
  const targets = Float64Array.from(
    { length: points },
    (_, i) => i / (points - 1),
  );
  return kernel === "logit"
    ? smoothOdds(places, values, { bandwidth, targets })
    : smoothGrid(places, values, { bandwidth, targets, reflect: true });
}

/** Smooths at targets after both have become logarithms of odds. */
function smoothOdds(
  places: ArrayLike<number>,
  values: ArrayLike<number>,
  { bandwidth, targets }: { bandwidth: number; targets: Float64Array },
): Smoothed {
  const inner = targets.slice(1, -1);
  const odds = (p: number) => Math.log(p / (1 - p));
  const own = Float64Array.from(
    places,
    (p) => odds(Math.min(Math.max(p, 1e-3), 1 - 1e-3)),
  );
  const other = inner.map(odds);
  let low = Infinity;
  let high = -Infinity;
  for (const list of [own, other]) {
    for (const x of list) [low, high] = [Math.min(low, x), Math.max(high, x)];
  }
  const scaled = (x: number) => (x - low) / (high - low);
  const { mean, density } = smoothGrid(own.map(scaled), values, {
    bandwidth: bandwidth * 4 / (high - low),
    targets: other.map(scaled),
    reflect: false,
  });
  let sum = 0;
  for (const [i, x] of inner.entries()) {
    // The density of the odds becomes that of the probability.
    density[i] = (density[i] ?? 0) / (x * (1 - x));
    sum += density[i] ?? 0;
  }
  const scale = places.length * targets.length / sum;
  const padded = (list: Float64Array) =>
    Float64Array.of(list[0] ?? 0, ...list, list.at(-1) ?? 0);
  return { mean: padded(mean), density: padded(density.map((x) => x * scale)) };
}

/** Smooths at rising targets, by a convolution on a grid. */
function smoothGrid(
  places: ArrayLike<number>,
  values: ArrayLike<number>,
  { bandwidth, targets, reflect }: {
    bandwidth: number;
    targets: Float64Array;
    reflect: boolean;
  },
): Smoothed {
  const size = Math.floor(Math.max(2000, roundHalfEven(20 / bandwidth)) / 2) +
    1;
  const last = size - 1;
  const weighted = new Float64Array(size);
  const ones = new Float64Array(size);
  for (let i = 0; i < places.length; i++) {
    const at = (places[i] ?? 0) * last;
    const left = Math.min(Math.max(Math.floor(at), 0), last - 1);
    const share = at - left;
    const value = values[i] ?? 0;
    weighted[left] = (weighted[left] ?? 0) + (1 - share) * value;
    weighted[left + 1] = (weighted[left + 1] ?? 0) + share * value;
    ones[left] = (ones[left] ?? 0) + 1 - share;
    ones[left + 1] = (ones[left + 1] ?? 0) + share;
  }
  const convolve = convolution([weighted, ones], { bandwidth, reflect });
  const mean = new Float64Array(targets.length);
  const density = new Float64Array(targets.length);
  for (const [i, target] of targets.entries()) {
    const at = target * last;
    const left = Math.min(Math.max(Math.floor(at), 0), last - 1);
    const share = at - left;
    const [sumLeft, weightLeft] = convolve(left);
    const [sumRight, weightRight] = convolve(left + 1);
    const sum = (1 - share) * sumLeft + share * sumRight;
    const weight = (1 - share) * weightLeft + share * weightRight +
      LEAST_DENSITY;
    mean[i] = sum / weight;
    density[i] = weight;
  }
  return { mean, density };
}

/**
 * Convolves two lists with a Gaussian that is cut off at distance ½, at one
 * place at a time: most places of a fine grid are never asked for, and many of
 * its values are 0.
 */
function convolution(
  [first, second]: readonly [Float64Array, Float64Array],
  { bandwidth, reflect }: { bandwidth: number; reflect: boolean },
): (place: number) => readonly [number, number] {
  const size = first.length;
  const last = size - 1;
  // The grid between its mirror images, without zeros.
  const at: number[] = [];
  const from: number[] = [];
  for (let i = reflect ? 0 : last; i <= (reflect ? 3 : 2) * last; i++) {
    const inner = i < last ? last - i : i > 2 * last ? 3 * last - i : i - last;
    if (first[inner] === 0 && second[inner] === 0) continue;
    at.push(i);
    from.push(inner);
  }
  const places = Int32Array.from(at);
  const a = Float64Array.from(from, (i) => first[i] ?? 0);
  const b = Float64Array.from(from, (i) => second[i] ?? 0);
  const taps = new Float64Array(size);
  // What is below 1e-20 of the peak is less than rounding, and is left out.
  let [start, end] = [size, 0];
  for (let k = 0; k < size; k++) {
    const exponent = ((k / last - 0.5) / bandwidth) ** 2 / 2;
    if (exponent > 46) continue;
    taps[k] = Math.exp(-exponent) / (Math.sqrt(2 * Math.PI) * bandwidth);
    [start, end] = [Math.min(start, k), k + 1];
  }
  const shift = last + Math.floor((reflect ? size : last) / 2);
  const known = new Map<number, readonly [number, number]>();
  return (place) => {
    const found = known.get(place);
    if (found) return found;
    let sum = 0;
    let weight = 0;
    const center = place + shift;
    let i = firstAbove(places, center - end);
    for (; i < places.length; i++) {
      const k = center - (places[i] ?? 0);
      if (k < start) break;
      const tap = taps[k] ?? 0;
      sum += tap * (a[i] ?? 0);
      weight += tap * (b[i] ?? 0);
    }
    const result = [sum, weight] as const;
    known.set(place, result);
    return result;
  };
}

/** The index of the first of rising numbers that is above a bound. */
function firstAbove(list: Int32Array, bound: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The nearest integer, the even one of two equally near: Python's `round`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
