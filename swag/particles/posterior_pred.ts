// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Statistics of the predictions of several particles, on the host: the modes of the
 * `posterior_pred` of Push.
 *
 * @module
 */

import type { Tensor } from "../../engine/mod.ts";
import { argmaxRows } from "../../nn/mod.ts";
import type { PredictionProblem } from "../predict.ts";
import type { SummarizedRunOptions } from "../sample_options.ts";
import { valuesOf } from "./variance_parts.ts";

/**
 * A statistic of predictions; the values are numbers for a regression, else
 * probabilities:
 *
 * - `"mean"`, `"median"`, `"min"`, `"max"`: of the values of all samples of all
 *   particles.
 * - `"std"`: their standard deviation, which divides by their number.
 * - `"pred"`: the mean of each particle, `[batch, particles, ..., outputs]`.
 * - `"prob"`: the mean probabilities, `"logits"`: the mean logits, and `"mode"`: the
 *   class that most samples choose, `[batch, ...]`; of those that are chosen as
 *   often the first. These three are for classes only.
 */
export type PosteriorMode =
  | "mean"
  | "median"
  | "min"
  | "max"
  | "std"
  | "pred"
  | "logits"
  | "prob"
  | "mode";

/** Options of {@linkcode MultiSwag.posteriorPred}. */
export type PosteriorPredOptions<Sampling extends object> =
  & SummarizedRunOptions<Sampling>
  & {
    /** Which statistics to compute. @default {["mean"]} */
    mode?: readonly PosteriorMode[] | undefined;
  };

/** Values on the host. */
export interface PosteriorValues {
  /** The elements, row by row. */
  readonly data: Float64Array<ArrayBuffer>;
  /** The lengths of the axes. */
  readonly shape: readonly number[];
}

/** The statistics that were asked for. */
export type PosteriorPrediction = {
  readonly [Mode in PosteriorMode]?: PosteriorValues;
};

/** The samples of all particles for one output of one row. */
type Reduce = (samples: Float64Array<ArrayBuffer>) => number;

const REDUCTIONS: Readonly<
  Record<"mean" | "median" | "min" | "max" | "std", Reduce>
> = {
  mean: meanOf,
  median(samples) {
    const sorted = samples.toSorted();
    const half = sorted.length / 2;
    const low = sorted[Math.ceil(half) - 1] ?? NaN;
    return (low + (sorted[Math.floor(half)] ?? NaN)) / 2;
  },
  min: (samples) => samples.reduce((a, b) => Math.min(a, b), Infinity),
  max: (samples) => samples.reduce((a, b) => Math.max(a, b), -Infinity),
  std(samples) {
    const center = meanOf(samples);
    return Math.sqrt(meanOf(samples.map((x) => (x - center) ** 2)));
  },
};

const FOR_CLASSES: readonly PosteriorMode[] = ["logits", "prob", "mode"];
const MODES: readonly PosteriorMode[] = [
  ...Object.keys(REDUCTIONS) as (keyof typeof REDUCTIONS)[],
  "pred",
  ...FOR_CLASSES,
];

/**
 * Throws if a mode is unknown, or does not apply to the problem.
 *
 * @throws {RangeError} If a mode cannot be computed.
 */
function checkModes(
  modes: readonly PosteriorMode[],
  problemType: PredictionProblem | undefined,
): void {
  const allowed = problemType === "regression"
    ? MODES.filter((mode) => !FOR_CLASSES.includes(mode))
    : MODES;
  for (const mode of modes) {
    if (allowed.includes(mode)) continue;
    throw new RangeError(
      `Cannot predict with mode "${mode}": expected ${
        allowed.map((name) => `"${name}"`).join(", ")
      }${problemType === "regression" ? " for a regression" : ""}`,
    );
  }
}

/**
 * Computes statistics of predictions.
 *
 * @param logits `[batch, particles · samples, ..., outputs]`, particle by particle.
 * @param problem How many particles, what the logits mean, and which statistics.
 */
export async function summarizeOnHost(
  logits: Tensor,
  { particles, problemType, modes }: {
    particles: number;
    problemType: PredictionProblem | undefined;
    modes: readonly PosteriorMode[];
  },
): Promise<PosteriorPrediction> {
  checkModes(modes, problemType);
  const [batch = 0, runs = 1, ...rest] = logits.shape;
  const samples = new Samples(await valuesOf(logits, problemType).data(), {
    batch,
    runs,
    rest,
  });
  const result: Record<string, PosteriorValues> = {};
  for (const mode of modes) {
    if (mode === "pred") {
      result[mode] = samples.means(particles);
    } else if (mode === "logits") {
      const raw = new Samples(await logits.data(), { batch, runs, rest });
      result[mode] = raw.reduce(meanOf);
    } else if (mode === "mode") {
      result[mode] = samples.majority();
    } else {
      result[mode] = samples.reduce(
        REDUCTIONS[mode === "prob" ? "mean" : mode],
      );
    }
  }
  return result;
}

/** The values `[batch, runs, ...rest]` of several runs. */
class Samples {
  readonly #data: Float32Array<ArrayBuffer>;
  readonly #batch: number;
  readonly #runs: number;
  readonly #rest: readonly number[];
  /** The values of a run for a row. */
  readonly #width: number;

  constructor(
    data: Float32Array<ArrayBuffer>,
    { batch, runs, rest }: {
      batch: number;
      runs: number;
      rest: readonly number[];
    },
  ) {
    this.#data = data;
    this.#batch = batch;
    this.#runs = runs;
    this.#rest = rest;
    this.#width = rest.reduce((product, length) => product * length, 1);
  }

  /** The values of some runs for an element of a row. */
  #at(row: number, element: number, first = 0, count = this.#runs) {
    const start = (row * this.#runs + first) * this.#width + element;
    return Float64Array.from(
      { length: count },
      (_, run) => this.#data[start + run * this.#width] ?? NaN,
    );
  }

  /** One number for each element of each row. */
  reduce(of: Reduce): PosteriorValues {
    const width = this.#width;
    return {
      shape: [this.#batch, ...this.#rest],
      data: Float64Array.from(
        { length: this.#batch * width },
        (_, i) => of(this.#at(Math.floor(i / width), i % width)),
      ),
    };
  }

  /** The mean of each of several groups of runs. */
  means(groups: number): PosteriorValues {
    const width = this.#width;
    const each = this.#runs / groups;
    return {
      shape: [this.#batch, groups, ...this.#rest],
      data: Float64Array.from(
        { length: this.#batch * groups * width },
        (_, i) => {
          const at = Math.floor(i / width);
          const group = at % groups;
          const row = Math.floor(at / groups);
          return meanOf(this.#at(row, i % width, group * each, each));
        },
      ),
    };
  }

  /**
   * The class, along the last axis, that most runs choose.
   *
   * @throws {RangeError} If a value is NaN.
   */
  majority(): PosteriorValues {
    const classes = this.#rest.at(-1) ?? 1;
    const places = this.#width / classes;
    const shape = [this.#batch, ...this.#rest.slice(0, -1)];
    if (this.#data.length === 0) return { shape, data: new Float64Array() };
    const choices = argmaxRows(this.#data, { classes });
    const votes = new Uint32Array(this.#batch * places * classes);
    for (const [i, choice] of choices.entries()) {
      const row = Math.floor(i / (places * this.#runs));
      const at = (row * places + i % places) * classes + choice;
      votes[at] = (votes[at] ?? 0) + 1;
    }
    const data = Float64Array.from(argmaxRows(votes, { classes }));
    return { shape, data };
  }
}

function meanOf(values: Float64Array<ArrayBuffer>): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
