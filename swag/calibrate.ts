// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The scale of a posterior, and a temperature for its predictions, by validation
 * data.
 *
 * @module
 */

import { readAll, scope } from "../engine/mod.ts";
import {
  accuracy,
  applyTemperature,
  checkOptions,
  fitTemperature,
  logProbabilities,
  negativeLogLikelihood,
} from "../nn/mod.ts";
import type { LogitsOutput } from "./runs.ts";
import type { SwagModel } from "./swag_model.ts";

/** How a scale is chosen. */
export type CalibrationRule = "nll" | "tfb";

/** Options of {@linkcode calibrate}. */
export interface CalibrateOptions {
  /**
   * The scales to try, each at least 0; 0 is the mean of the weights.
   *
   * @default {[0, 0.01, 0.03, 0.1, 0.3, 1, 3]}
   */
  scales?: readonly number[] | undefined;
  /**
   * The rule: `"nll"` takes the scale with the least negative log-likelihood at
   * its own temperature; `"tfb"` the largest scale whose accuracy is at most
   * `tolerance` below that of the mean, as in training-free Bayesianization.
   *
   * @default {"nll"}
   */
  rule?: CalibrationRule | undefined;
  /** How much accuracy `"tfb"` may give up. @default {0.003} */
  tolerance?: number | undefined;
  /** How many samples each scale predicts with. @default {30} */
  numPredictions?: number | undefined;
  /** Whether samples have the low-rank part. @default {if there is one} */
  cov?: boolean | undefined;
  /** The seed of the samples, which are the same for every scale. @default {0} */
  seed?: number | undefined;
}

const OPTIONS: readonly (keyof CalibrateOptions)[] = [
  ...["scales", "rule", "tolerance", "numPredictions", "cov", "seed"] as const,
];

const SCALES = [0, 0.01, 0.03, 0.1, 0.3, 1, 3];

/** The least probability that is taken a logarithm of. */
const LEAST = 1e-38;

/** How a scale does on the validation data. */
export interface ScaleScores {
  /** The scale. */
  readonly scale: number;
  /** The share of rows whose most probable class is right. */
  readonly accuracy: number;
  /** The mean negative log-likelihood, in nats. */
  readonly nll: number;
  /** The temperature with the least negative log-likelihood. */
  readonly temperature: number;
  /** The negative log-likelihood at this temperature. */
  readonly calibratedNll: number;
}

/** What {@linkcode calibrate} has found. */
export interface Calibration extends ScaleScores {
  /** The scores of all scales, in their order. */
  readonly scores: readonly ScaleScores[];
}

/**
 * Chooses the scale of a posterior, and a temperature for its mean probabilities,
 * by validation data of one class a row. All scales use the same draws, stretched:
 * `θ̄ + √scale · noise`. So their scores differ by the scale alone, and not by the
 * luck of the draw.
 *
 * Use other data than those that you report on. To predict with the temperature,
 * divide the logarithms of the mean probabilities by it before a softmax.
 *
 * @param swag The posterior.
 * @param batches The batches of the validation data.
 * @param forward Runs the model on a batch, and returns logits `[rows, classes]`.
 * @param labels The class of each row, in the order of the batches.
 * @param options The scales, the rule, and the samples.
 * @returns The scale and the temperature with their scores, and those of all.
 * @throws {RangeError} If there is no scale, one is negative, the tolerance is
 * negative, or there are more or fewer labels than rows.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { initialize, manualSeed, tensor } from "@swagpu/swagpu/engine";
 * import { batches, Linear } from "@swagpu/swagpu/nn";
 * import { calibrate, SwagModel } from "@swagpu/swagpu/swag";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Linear(1, 2);
 * const swag = SwagModel.fromBase(model);
 * for (const weight of [[-1, 1], [-3, 3]]) {
 *   model.weight.write(weight);
 *   swag.collectModel();
 * }
 * const x = [[-2], [-1], [1], [2]];
 * const { scale, temperature } = await calibrate(
 *   swag,
 *   batches(4, 2),
 *   (rows) => model.forward(tensor([...rows].map((row) => x[row] ?? [0]))),
 *   [0, 1, 1, 1],
 *   { scales: [0, 0.5, 1] },
 * );
 * assert(scale >= 0 && temperature > 0);
 * ```
 */
export async function calibrate<Batch>(
  swag: SwagModel,
  batches: Iterable<Batch>,
  forward: (batch: Batch) => LogitsOutput,
  labels: ArrayLike<number>,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  checkOptions(options, { action: "calibrate", known: OPTIONS });
  const { scales = SCALES, rule = "nll", tolerance = 0.003 } = options;
  const { numPredictions = 30, cov, seed = 0 } = options;
  if (scales.length === 0 || scales.some((x) => !(x >= 0 && x < Infinity))) {
    throw new RangeError(
      `Cannot calibrate with scales [${
        scales.join(", ")
      }]: there must be one ` +
        "at least, and each must be a finite number of at least 0",
    );
  }
  if (!(tolerance >= 0)) {
    throw new RangeError(
      `Cannot calibrate with tolerance ${tolerance}: it must be at least 0`,
    );
  }
  if (rule !== "nll" && rule !== "tfb") {
    throw new RangeError(
      `Cannot calibrate by "${rule}": it must be "nll" or "tfb"`,
    );
  }
  const all = [...batches];
  const scoresOf = async (scale: number): Promise<ScaleScores> => {
    using _ = scope();
    const predictions = swag.predictAll(all, forward, {
      scale,
      seed,
      index: 0,
      problemType: "single_label_classification",
      // The mean of the weights is the same sample each time.
      numPredictions: scale === 0 ? 1 : numPredictions,
      ...cov === undefined ? {} : { cov },
    });
    const read = await readAll(
      predictions.map(({ probabilities }) => probabilities),
    );
    const classes = predictions[0]?.probabilities.shape.at(-1) ?? 0;
    const probabilities = Float64Array.from(read.flatMap((own) => [...own]));
    if (probabilities.length !== labels.length * classes) {
      throw new RangeError(
        `Cannot calibrate with ${labels.length} labels: the batches have ` +
          `${probabilities.length / classes} rows`,
      );
    }
    const logs = logProbabilities(probabilities, { floor: LEAST });
    const temperature = fitTemperature(logs, labels);
    return {
      scale,
      accuracy: accuracy(logs, labels),
      nll: negativeLogLikelihood(probabilities, labels),
      temperature,
      calibratedNll: negativeLogLikelihood(
        applyTemperature(logs, temperature, { classes }),
        labels,
        { floor: LEAST },
      ),
    };
  };
  const scores: ScaleScores[] = [];
  for (const scale of scales) scores.push(await scoresOf(scale));
  const best = rule === "nll"
    ? scores.reduce((a, b) => b.calibratedNll < a.calibratedNll ? b : a)
    : largestAllowed(
      scores,
      (scores.find(({ scale }) => scale === 0) ?? await scoresOf(0)).accuracy -
        tolerance,
    );
  return { ...best, scores };
}

/** The largest scale with enough accuracy; if none has, the smallest. */
function largestAllowed(
  scores: readonly ScaleScores[],
  least: number,
): ScaleScores {
  const allowed = scores.filter(({ accuracy }) => accuracy >= least);
  return allowed.length > 0
    ? allowed.reduce((a, b) => b.scale > a.scale ? b : a)
    : scores.reduce((a, b) => b.scale < a.scale ? b : a);
}
