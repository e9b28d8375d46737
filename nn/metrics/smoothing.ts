// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A Gaussian kernel smoother of values at places in [0, 1], on a fine grid, as
// relplot (apple/ml-calibration) computes it.

import {
  type Complex,
  complexZeros,
  FourierTransform,
  multiplyComplex,
} from "./fourier.ts";

/** A smoothed function at equally spaced places from 0 to 1. */
export interface Smoothed {
  /** The weighted mean of the values near each place. */
  mean: Float64Array<ArrayBuffer>;
  /** How much weight there is near each place. */
  density: Float64Array<ArrayBuffer>;
}

/**
 * `"reflected"` mirrors the values at 0 and 1, so that the ends lose no weight;
 * `"logit"` smooths on the logarithm of the odds.
 */
export type SmoothKernel = "reflected" | "logit";

/** How fine and how wide to smooth. */
export interface SmoothWidth {
  /** The standard deviation of the kernel. */
  bandwidth: number;
  /** The number of places. */
  points: number;
}

/** Added to every density, so that nothing is divided by 0. */
const LEAST_DENSITY = 1e-4;

/** The most kernels that are kept: more than the halvings of one error need. */
const MOST_KERNELS = 64;

/** Smooths values at places in [0, 1]. */
export function smooth(
  places: ArrayLike<number>,
  values: ArrayLike<number>,
  { kernel, ...width }: SmoothWidth & { kernel: SmoothKernel },
): Smoothed {
  return new Smoother(places, values, { kernel }).at(width);
}

/** Values at places in [0, 1], which can be smoothed with several bandwidths. */
export class Smoother {
  readonly #places: ArrayLike<number>;
  readonly #values: ArrayLike<number>;
  readonly #kernel: SmoothKernel;
  readonly #kernels: Kernels;
  /** The transforms of the values on grids, by the size of the grid. */
  readonly #grids = new Map<number, Complex>();

  /**
   * @param places Where the values are, [rows].
   * @param values The values, [rows].
   * @param options The kernel, and kernels that others have used before.
   */
  constructor(
    places: ArrayLike<number>,
    values: ArrayLike<number>,
    { kernel, kernels = new Kernels() }: {
      kernel: SmoothKernel;
      kernels?: Kernels;
    },
  ) {
    this.#places = places;
    this.#values = values;
    this.#kernel = kernel;
    this.#kernels = kernels;
  }

  /** Smooths the values. */
  at({ bandwidth, points }: SmoothWidth): Smoothed {
    const targets = new Float64Array(points);
    for (let i = 0; i < points; i++) targets[i] = i / (points - 1);
    if (this.#kernel === "logit") {
      return smoothOdds(this.#places, this.#values, {
        bandwidth,
        targets,
        kernels: this.#kernels,
      });
    }
    const kernel = this.#kernels.of(bandwidth, "mirrored");
    let grid = this.#grids.get(kernel.size);
    if (!grid) {
      grid = kernel.transformed(this.#places, this.#values);
      this.#grids.set(kernel.size, grid);
    }
    return smoothedAt(targets, kernel, grid);
  }
}

/** Smooths at targets after both have become logarithms of odds. */
function smoothOdds(
  places: ArrayLike<number>,
  values: ArrayLike<number>,
  { bandwidth, targets, kernels }: {
    bandwidth: number;
    targets: Float64Array;
    kernels: Kernels;
  },
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
    for (let i = 0; i < list.length; i++) {
      low = Math.min(low, list[i] ?? NaN);
      high = Math.max(high, list[i] ?? NaN);
    }
  }
  const scaled = (x: number) => (x - low) / (high - low);
  const kernel = kernels.of(bandwidth * 4 / (high - low), "zero");
  const { mean, density } = smoothedAt(
    other.map(scaled),
    kernel,
    kernel.transformed(own.map(scaled), values),
  );
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

/** Smooths at rising targets: between two points of the grid, linearly. */
function smoothedAt(
  targets: Float64Array,
  kernel: GridKernel,
  grid: Complex,
): Smoothed {
  const { re: sums, im: weights } = kernel.convolve(grid);
  const mean = new Float64Array(targets.length);
  const density = new Float64Array(targets.length);
  for (let i = 0; i < targets.length; i++) {
    const at = (targets[i] ?? 0) * (kernel.size - 1);
    const left = leftOf(at, kernel.size);
    const share = at - left;
    // Rounding may leave a little less than nothing.
    const weight = LEAST_DENSITY + Math.max(
      (1 - share) * (weights[left] ?? 0) + share * (weights[left + 1] ?? 0),
      0,
    );
    const sum = (1 - share) * (sums[left] ?? 0) + share * (sums[left + 1] ?? 0);
    mean[i] = sum / weight;
    density[i] = weight;
  }
  return { mean, density };
}

/** The point of a grid to the left of a place, which is given in points. */
function leftOf(at: number, size: number): number {
  return Math.min(Math.max(Math.floor(at), 0), size - 2);
}

/** What is beyond the ends of a grid: its mirror images, or nothing. */
type Beyond = "mirrored" | "zero";

/** Kernels that have been made. They depend on no values, so that many can share them. */
export class Kernels {
  readonly #known = new Map<string, GridKernel>();

  /** The kernel of a bandwidth. */
  of(bandwidth: number, beyond: Beyond): GridKernel {
    const name = `${beyond} ${bandwidth}`;
    const known = this.#known.get(name);
    if (known) return known;
    if (this.#known.size >= MOST_KERNELS) this.#known.clear();
    const kernel = new GridKernel(bandwidth, beyond);
    this.#known.set(name, kernel);
    return kernel;
  }
}

/**
 * A Gaussian on a grid, cut off at distance ½. It is convolved by way of Fourier's
 * transform, whose rounding is about 1e-16 of the largest sum.
 */
class GridKernel {
  /** The number of points of the grid. */
  readonly size: number;
  readonly #beyond: Beyond;
  readonly #fourier: FourierTransform;
  readonly #spectrum: Complex;
  readonly #result: Complex;
  /** How far the kernel's first tap is before its middle. */
  readonly #half: number;

  constructor(bandwidth: number, beyond: Beyond) {
    const size = Math.floor(Math.max(2000, roundHalfEven(20 / bandwidth)) / 2) +
      1;
    const last = size - 1;
    this.size = size;
    this.#beyond = beyond;
    this.#half = Math.floor((beyond === "mirrored" ? size : last) / 2);
    // Around a grid, as much is needed beyond its ends as the kernel reaches.
    const fourier = new FourierTransform(2 * last + 1);
    const taps = complexZeros(fourier.length);
    for (let k = 0; k < size; k++) {
      const exponent = ((k / last - 0.5) / bandwidth) ** 2 / 2;
      taps.re[this.#index(k - this.#half, fourier)] = Math.exp(-exponent) /
        (Math.sqrt(2 * Math.PI) * bandwidth);
    }
    fourier.forward(taps);
    this.#fourier = fourier;
    this.#spectrum = taps;
    this.#result = complexZeros(fourier.length);
  }

  #index(place: number, { length }: FourierTransform): number {
    return place < 0 ? place + length : place;
  }

  /**
   * Puts values on the grid, and transforms it: the sums of the values are the real
   * parts, their numbers the imaginary ones.
   */
  transformed(places: ArrayLike<number>, values: ArrayLike<number>): Complex {
    const last = this.size - 1;
    const { re, im } = complexZeros(this.size);
    for (let i = 0; i < places.length; i++) {
      const at = (places[i] ?? 0) * last;
      const left = leftOf(at, this.size);
      const share = at - left;
      const value = values[i] ?? 0;
      re[left] = (re[left] ?? 0) + (1 - share) * value;
      re[left + 1] = (re[left + 1] ?? 0) + share * value;
      im[left] = (im[left] ?? 0) + 1 - share;
      im[left + 1] = (im[left + 1] ?? 0) + share;
    }
    const grid = complexZeros(this.#fourier.length);
    const [first, end] = this.#beyond === "mirrored"
      ? [this.#half - last, this.#half + last]
      : [0, last];
    for (let j = first; j <= end; j++) {
      const inner = j < 0 ? -j : j > last ? 2 * last - j : j;
      const at = this.#index(j, this.#fourier);
      grid.re[at] = re[inner] ?? 0;
      grid.im[at] = im[inner] ?? 0;
    }
    this.#fourier.forward(grid);
    return grid;
  }

  /**
   * Convolves a grid with the kernel: the sums near each of its points. They are
   * there until the next call.
   */
  convolve(grid: Complex): Complex {
    multiplyComplex(grid, this.#spectrum, this.#result);
    this.#fourier.inverse(this.#result);
    return this.#result;
  }
}

/** The nearest integer, the even one of two equally near: Python's `round`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
