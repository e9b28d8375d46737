// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Predictions with their uncertainty, from the logits of several samples of a
 * model's weights.
 *
 * @module
 */

import {
  add,
  clamp,
  keep,
  log,
  maximum,
  mean,
  mul,
  neg,
  noGrad,
  scope,
  sigmoid,
  slice,
  softmax,
  sqrt,
  squeeze,
  sub,
  sum,
  Tensor,
  variance,
} from "../engine/mod.ts";
import { alias, formatShape } from "../engine/kernel_kit.ts";
import { checkOptions, type Module } from "../nn/mod.ts";

/** What logits mean: the same as for the loss that the model was trained with. */
export type PredictionProblem =
  | "regression"
  | "single_label_classification"
  | "multi_label_classification";

/**
 * A prediction of classes or labels, from several samples. Entropies are in nats,
 * and `entropy = expectedEntropy + mutualInformation`.
 *
 * If several labels may apply at once, each label is a separate question:
 * probabilities are sigmoids, and the three entropies are those of yes and no,
 * `[batch, ..., labels]`.
 */
export interface Prediction {
  /** The mean probabilities, `[batch, ..., classes]`. */
  probabilities: Tensor;
  /** The entropy of the mean, `[batch, ...]`: the whole uncertainty. */
  entropy: Tensor;
  /** The mean of the samples' entropies: the part that noise in the data causes. */
  expectedEntropy: Tensor;
  /**
   * The part of the uncertainty that comes from samples that disagree, and that
   * more data would reduce. At least 0.
   */
  mutualInformation: Tensor;
  /** The standard deviation of each probability, `[batch, ..., classes]`. */
  std: Tensor;
}

/**
 * The prediction of a model whose configuration says what its logits mean. If that
 * is a regression, the prediction is a {@linkcode RegressionPrediction}, and the
 * fields of probabilities throw; pass `problemType: "regression"` to get that type.
 */
export interface ModelPrediction extends Prediction {
  /** The mean of each output, for regressions only. */
  mean?: Tensor;
  /** The samples themselves, for regressions only. */
  samples?: Tensor;
}

/** A prediction of numbers, from several samples. */
export interface RegressionPrediction {
  /** The mean of the samples, `[batch, ..., outputs]`. */
  mean: Tensor;
  /**
   * The standard deviation of the samples, in the shape of `mean`. The variance
   * divides by the number of samples.
   */
  std: Tensor;
  /** The samples themselves, `[batch, samples, ..., outputs]`. */
  samples: Tensor;
}

/** A prediction of a span in a sequence, from several samples. */
export interface SpanPrediction {
  /** Where the span starts: probabilities `[batch, sequence]`, entropies `[batch]`. */
  start: Prediction;
  /** Where the span ends, in the same shapes. */
  end: Prediction;
}

/** Options of {@linkcode summarizeLogits}. */
export interface SummaryOptions<
  Problem extends PredictionProblem = PredictionProblem,
> {
  /**
   * What the logits mean: numbers, classes of which one applies (a softmax), or
   * labels of which any number applies (a sigmoid for each).
   *
   * @default {"single_label_classification"}
   */
  problemType?: Problem | undefined;
}

/** A smaller probability adds nothing to an entropy in 32 bits. */
const TINY = 1e-30;

/**
 * Summarizes logits of several samples, on the GPU:
 *
 * ```text
 * p̄ = 1/S Σₛ pₛ      H = -Σ p̄ log p̄      E = -1/S Σₛ Σ pₛ log pₛ      I = H - E
 * ```
 *
 * @param logits `[batch, samples, ..., classes]`, as
 * {@linkcode SwagModel.getLogits} gives them.
 * @param options What the logits mean.
 * @returns The prediction: mean probabilities with entropies, or for a regression
 * mean, standard deviation and samples.
 * @throws {TypeError} If there are fewer than three axes, or a single logit per row
 * without a `problemType`: its softmax would always be 1.
 * @throws {RangeError} If the `problemType` is unknown.
 *
 * @example Two certain samples that contradict each other
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { summarizeLogits } from "@swagpu/swagpu/swag";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const { mutualInformation } = summarizeLogits(tensor([[[50, 0], [0, 50]]]));
 * assertAlmostEquals(await mutualInformation.item(), Math.LN2, 1e-5);
 * ```
 *
 * @example Numbers
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { summarizeLogits } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const { mean, std } = summarizeLogits(tensor([[[1], [3]]]), {
 *   problemType: "regression",
 * });
 * assertEquals([await mean.item(), await std.item()], [2, 1]);
 * ```
 */
export function summarizeLogits(
  logits: Tensor,
  options: SummaryOptions<"regression"> & { problemType: "regression" },
): RegressionPrediction;
/** Summarizes logits of classes or labels. */
export function summarizeLogits(
  logits: Tensor,
  options?: SummaryOptions,
): Prediction;
export function summarizeLogits(
  logits: Tensor,
  options: SummaryOptions = {},
): Prediction | RegressionPrediction {
  checkOptions(options, {
    action: "summarize logits",
    known: ["problemType"],
  });
  const { problemType } = options;
  const { shape } = logits;
  if (shape.length < 3) {
    throw new TypeError(
      `Cannot summarize logits of shape ${formatShape(shape)}: ` +
        "expected [batch, samples, ..., classes]",
    );
  }
  if (shape.at(-1) === 1 && problemType === undefined) {
    throw new TypeError(
      `Cannot summarize logits of shape ${
        formatShape(shape)
      }: a single logit ` +
        'is no choice among classes, pass problemType: "regression" or ' +
        '"multi_label_classification"',
    );
  }
  const summarize = SUMMARIES[problemType ?? "single_label_classification"];
  if (!summarize) {
    throw new RangeError(
      `Cannot summarize logits of problemType "${problemType}": expected ${
        Object.keys(SUMMARIES).map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  using _ = scope();
  const summary = noGrad(() => summarize(logits));
  for (const tensor of Object.values(summary)) keep(tensor);
  return summary;
}

/** The function that summarizes logits, for each problem. */
const SUMMARIES: Readonly<
  Record<
    PredictionProblem,
    (logits: Tensor) => Prediction | RegressionPrediction
  >
> = {
  single_label_classification(logits) {
    const samples = softmax(logits);
    const probabilities = mean(samples, { axis: 1 });
    return {
      probabilities,
      ...split(
        sum(surprise(probabilities), { axis: -1 }),
        sum(surprise(samples), { axis: -1 }),
      ),
      std: spread(samples),
    };
  },

  multi_label_classification(logits) {
    const yes = sigmoid(logits);
    const no = sigmoid(neg(logits)); // Not 1 - yes, which rounds to 0.
    const probabilities = mean(yes, { axis: 1 });
    return {
      probabilities,
      ...split(
        add(surprise(probabilities), surprise(mean(no, { axis: 1 }))),
        add(surprise(yes), surprise(no)),
      ),
      std: spread(yes),
    };
  },

  regression(samples) {
    const summary = {
      mean: mean(samples, { axis: 1 }),
      std: spread(samples),
      samples: alias(samples),
    };
    for (const name of NO_NUMBERS) {
      Object.defineProperty(summary, name, {
        get(): never {
          throw new TypeError(
            `Cannot read the ${name} of a regression: it has mean, std and samples`,
          );
        },
      });
    }
    return summary;
  },
};

/** Fields of other predictions that a prediction of numbers does not have. */
const NO_NUMBERS = [
  "probabilities",
  "entropy",
  "expectedEntropy",
  "mutualInformation",
] as const;

/** Splits the entropy of the mean into the samples' mean entropy and the rest. */
function split(
  entropy: Tensor,
  own: Tensor,
): Pick<Prediction, "entropy" | "expectedEntropy" | "mutualInformation"> {
  const expectedEntropy = mean(own, { axis: 1 });
  const mutualInformation = clamp(sub(entropy, expectedEntropy), 0, Infinity);
  return { entropy, expectedEntropy, mutualInformation };
}

/** The standard deviation over the samples, which are axis 1. */
function spread(samples: Tensor): Tensor {
  return sqrt(variance(samples, { axis: 1, correction: 0 }));
}

/** -p log p of each element, with 0 log 0 = 0. */
function surprise(p: Tensor): Tensor {
  return neg(mul(p, log(maximum(p, TINY))));
}

/**
 * Summarizes the logits of a span.
 *
 * @param logits `[batch, samples, 2, sequence]`.
 */
export function summarizeSpan(logits: Tensor): SpanPrediction {
  const [start, end] = [0, 1].map((index) =>
    squeeze(slice(logits, { axis: 2, start: index, end: index + 1 }), 2)
  ) as [Tensor, Tensor];
  const problemType = "single_label_classification";
  return {
    start: summarizeLogits(start, { problemType }),
    end: summarizeLogits(end, { problemType }),
  };
}

/** All tensors of a prediction. */
export function tensorsOf(
  prediction: Prediction | RegressionPrediction | SpanPrediction,
): Tensor[] {
  return Object.values(prediction).flatMap((part) =>
    part instanceof Tensor ? [part] : tensorsOf(part)
  );
}

/**
 * Finds out what the logits of a model mean, by the `problemType` of its `config`
 * as Hugging Face's models have it. It applies to logits
 * `[batch, samples, outputs]`. If it is not set, a model with a single output
 * (`numLabels: 1`) is a regression, as for the loss of these models.
 *
 * @returns The problem, or `undefined` if the model does not say.
 */
export function problemOf(
  module: Module,
  logits: Tensor,
): PredictionProblem | undefined {
  if (logits.shape.length !== 3 || !("config" in module)) return undefined;
  const { config } = module;
  if (typeof config !== "object" || config === null) return undefined;
  const { problemType, numLabels } = config as {
    problemType?: unknown;
    numLabels?: unknown;
  };
  const isKnown = typeof problemType === "string" && problemType in SUMMARIES;
  if (isKnown) return problemType as PredictionProblem;
  return numLabels === 1 && logits.shape[2] === 1 ? "regression" : undefined;
}
