// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

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
  softmax,
  sqrt,
  sub,
  sum,
  type Tensor,
  variance,
} from "../engine/mod.ts";
import { alias, formatShape } from "../engine/kernel_kit.ts";
import { checkOptions, type Module } from "../nn/mod.ts";

/** How logits are read: as the loss of the model reads them. */
export type PredictionProblem =
  | "regression"
  | "single_label_classification"
  | "multi_label_classification";

/**
 * What sampled predictions say together. Entropies are in nats, and
 * `entropy = expectedEntropy + mutualInformation`.
 *
 * Where several labels may hold at once, each label is a question of its own:
 * probabilities are sigmoids, and the three entropies are those of yes and no,
 * `[batch, ..., labels]`.
 */
export interface Prediction {
  /** The mean probabilities, `[batch, ..., classes]`. */
  probabilities: Tensor;
  /** The entropy of the mean, `[batch, ...]`: all uncertainty. */
  entropy: Tensor;
  /** The mean of the samples' entropies: noise in the data. */
  expectedEntropy: Tensor;
  /** What the samples disagree about: what more data would teach. At least 0. */
  mutualInformation: Tensor;
  /** The standard deviation of each probability, `[batch, ..., classes]`. */
  std: Tensor;
}

/**
 * What a model predicts whose configuration says what that is. For a regression
 * it is a {@linkcode RegressionPrediction} instead, and the fields of
 * probabilities throw; say `problemType: "regression"` to have that type.
 */
export interface ModelPrediction extends Prediction {
  /** The mean of each output, of regressions alone. */
  mean?: Tensor;
  /** The samples themselves, of regressions alone. */
  samples?: Tensor;
}

/** What sampled predictions of numbers say together. */
export interface RegressionPrediction {
  /** The mean of the samples, `[batch, ..., outputs]`. */
  mean: Tensor;
  /** Their standard deviation (divided by their number), as `mean`. */
  std: Tensor;
  /** The samples themselves, `[batch, samples, ..., outputs]`. */
  samples: Tensor;
}

/** What sampled predictions of a span say together, over its places. */
export interface SpanPrediction {
  /** Where it starts: probabilities `[batch, sequence]`, entropies `[batch]`. */
  start: Prediction;
  /** Where it ends. */
  end: Prediction;
}

/** Options of {@linkcode summarizeLogits}. */
export interface SummaryOptions<
  Problem extends PredictionProblem = PredictionProblem,
> {
  /**
   * How logits are read: numbers, a softmax over classes, or a sigmoid for each
   * label.
   *
   * @default {"single_label_classification"}
   */
  problemType?: Problem | undefined;
}

/** Below it a probability adds nothing to an entropy in 32 bits. */
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
 * @param options How they are read.
 * @throws {TypeError} If there are fewer than three axes, or one logit a row
 * without a `problemType`: a softmax over it would be certain of everything.
 *
 * @example Two sure samples that contradict each other
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
/** Without a problem, or with one of classes or labels. */
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
      `Cannot summarise logits of shape ${formatShape(shape)}: ` +
        "expected [batch, samples, ..., classes]",
    );
  }
  if (shape.at(-1) === 1 && problemType === undefined) {
    throw new TypeError(
      `Cannot summarize logits of shape ${
        formatShape(shape)
      }: one logit is no ` +
        'choice among classes, say problemType: "regression" or ' +
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

/** One summary for each problem. */
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

/** What a prediction of numbers does not have. */
const NO_NUMBERS = [
  "probabilities",
  "entropy",
  "expectedEntropy",
  "mutualInformation",
] as const;

/** The entropy of the mean, and the samples' own, as a prediction has them. */
function split(
  entropy: Tensor,
  own: Tensor,
): Pick<Prediction, "entropy" | "expectedEntropy" | "mutualInformation"> {
  const expectedEntropy = mean(own, { axis: 1 });
  const mutualInformation = clamp(sub(entropy, expectedEntropy), 0, Infinity);
  return { entropy, expectedEntropy, mutualInformation };
}

/** The standard deviation over the samples, axis 1. */
function spread(samples: Tensor): Tensor {
  return sqrt(variance(samples, { axis: 1, correction: 0 }));
}

/** -p log p of each element, with 0 log 0 = 0. */
function surprise(p: Tensor): Tensor {
  return neg(mul(p, log(maximum(p, TINY))));
}

/**
 * How a model's logits are to be read.
 *
 * @param module The model: a `config` with a `problemType`, as those of Hugging
 * Face have it, decides for logits `[batch, samples, outputs]`. As with their
 * loss, one output alone (`numLabels: 1`) is a regression where it says nothing.
 * @param logits What is to be read.
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
