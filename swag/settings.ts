// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The options of a posterior: their defaults and checks.
 *
 * @module
 */

import { checkOptions } from "../nn/mod.ts";
import { DEVIATION_FORMATS, type DeviationFormat } from "./deviation_format.ts";

/** Which number of deviations the divisor of the low-rank part counts. */
export type Normalization = "rank" | "capacity";

/** Options of {@linkcode SwagModel.fromBase}. */
export interface SwagOptions {
  /**
   * Whether to keep variances only, without the deviations that give covariances
   * between weights.
   *
   * @default {true}
   */
  noCovMat?: boolean;
  /**
   * How many of the latest deviations are kept, at most 65535. With 1 there is
   * never a low-rank part, because its divisor would be 0.
   *
   * @default {20}
   */
  maxNumModels?: number;
  /**
   * How deviations are stored. `"f16"` takes half the memory of `"f32"`, and
   * `"int8"` a quarter, with a scale of its own for every 64 weights of a deviation,
   * so that small steps keep their precision. Of normally distributed deviations,
   * f16 changes the values by 0.02 % and int8 by 0.6 %; of the covariances between
   * weights that is less, because the errors are independent. Means and variances
   * are not affected.
   *
   * @default {"f32"}
   */
  deviations?: DeviationFormat;
  /**
   * The least variance with which a weight is sampled.
   *
   * @default {1e-30}
   */
  varClamp?: number;
  /**
   * Which parameters are random, by prefixes of whole path segments of their names:
   * `bert.encoder.layer.1` selects that layer and not `layer.11`. In an entry, `*`
   * stands for any part of a segment, and a segment `**` for any number of segments:
   * `bert.encoder.layer.*.attention`, or `**.bias`. The entry `"last-layer"` is the
   * module that has the last parameters of the model, usually the layer that gives
   * the logits. Of all other parameters only the mean is kept, and samples set them
   * to it. {@linkcode estimateMemory} tells what a choice takes.
   *
   * @default {all parameters}
   */
  modulePrefixList?: readonly string[] | undefined;
  /**
   * The divisor of the low-rank part: with `"rank"` the number of deviations held
   * minus one; with `"capacity"` always `maxNumModels - 1`, even before that many
   * are held, as in the original library.
   *
   * @default {"rank"}
   */
  normalize?: Normalization;
}

/** {@linkcode SwagOptions} with every default filled in. */
export interface SwagSettings {
  /** Whether only variances are kept. */
  readonly noCovMat: boolean;
  /** How many deviations are kept at most. */
  readonly maxNumModels: number;
  /** How deviations are stored. */
  readonly deviations: DeviationFormat;
  /** The least variance with which a weight is sampled. */
  readonly varClamp: number;
  /** Which parameters are random; `undefined` for all. */
  readonly modulePrefixList: readonly string[] | undefined;
  /** The divisor of the low-rank part. */
  readonly normalize: Normalization;
}

/** The names of {@linkcode SwagOptions}. */
export const SWAG_OPTIONS = [
  "noCovMat",
  "maxNumModels",
  "deviations",
  "varClamp",
  "modulePrefixList",
  "normalize",
] satisfies (keyof SwagOptions)[];

/** The most deviations that a posterior can keep. */
const MAX_ROWS = 65535;

/**
 * Checks options and fills in defaults.
 *
 * @throws {RangeError} If an option is out of range.
 * @throws {TypeError} If an option is unknown.
 */
export function resolveSettings(options: SwagOptions): SwagSettings {
  checkOptions(options, { action: "build a posterior", known: SWAG_OPTIONS });
  const {
    noCovMat = true,
    maxNumModels = 20,
    deviations = "f32",
    varClamp = 1e-30,
    modulePrefixList,
    normalize = "rank",
  } = options;
  const whole = Number.isInteger(maxNumModels) && maxNumModels >= 1 &&
    maxNumModels <= MAX_ROWS;
  if (!noCovMat && !whole) {
    throw new RangeError(
      `Cannot keep covariances with maxNumModels ${maxNumModels}: it must be ` +
        `a whole number from 1 to ${MAX_ROWS}`,
    );
  }
  if (!DEVIATION_FORMATS.includes(deviations)) {
    throw new RangeError(
      `Cannot store deviations as "${deviations}": expected ${
        DEVIATION_FORMATS.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  if (!(varClamp >= 0 && varClamp < Infinity)) {
    throw new RangeError(
      `Cannot clamp variances at ${varClamp}: it must not be negative`,
    );
  }
  if (normalize !== "rank" && normalize !== "capacity") {
    throw new RangeError(
      `Cannot normalize by "${normalize}": expected "rank" or "capacity"`,
    );
  }
  return {
    noCovMat,
    maxNumModels,
    deviations,
    varClamp,
    modulePrefixList: modulePrefixList && [...modulePrefixList],
    normalize,
  };
}
