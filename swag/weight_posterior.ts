// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What every posterior does alike, however its samples are drawn: it runs a model
 * with several samples of its weights, and summarizes what comes out.
 *
 * @module
 */

import { keep, scope, type Tensor } from "../engine/mod.ts";
import { checkOptions, type Module } from "../nn/mod.ts";
import { holdSample, refuseHeld } from "./held_samples.ts";
import {
  type ModelPrediction,
  type Prediction,
  problemOf,
  type RegressionPrediction,
  type SpanPrediction,
  summarizeLogits,
  summarizeSpan,
  tensorsOf,
} from "./predict.ts";
import {
  type BatchRuns,
  inMode,
  type LogitsFunction,
  type LogitsOutput,
  type SpanOutput,
  type StackedLogits,
  stackRuns,
} from "./runs.ts";
import type { RunOptions, SummarizedRunOptions } from "./sample_options.ts";

/** The names of {@linkcode RunOptions}. */
const RUN_OPTIONS = ["numPredictions", "training"] as const;

/** The arguments of {@linkcode PredictRuns}. */
type RunArguments = Parameters<PredictRuns<unknown>>;

/** @throws {RangeError} If a number of samples is not a positive whole number. */
function checkPredictions(action: string, count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 1)) return;
  throw new RangeError(
    `Cannot ${action} with ${count} samples: it must be a positive whole number`,
  );
}

/**
 * Runs a model on all batches, several times.
 *
 * @param count The number of runs.
 * @param before Called before each run with its number.
 * @param beforeBatch Called before each batch of each run, with the run's number.
 */
export type PredictRuns<T> = (
  count: number,
  before: (run: number) => void,
  beforeBatch?: (run: number) => void,
) => T;

/**
 * A distribution over the weights of a model, from which samples are drawn to
 * predict with. {@linkcode SwagModel} is one.
 *
 * A subclass says how samples are drawn, in {@linkcode WeightPosterior.withSamples}.
 *
 * @typeParam Sampling The options that say which samples are drawn.
 *
 * @example A posterior of one's own: a weight that is 1 or 3
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { Linear } from "@swagpu/swagpu/nn";
 * import { WeightPosterior } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * class OneOrThree extends WeightPosterior<{ first?: number }> {
 *   readonly base = new Linear(1, 1, { bias: false });
 *   protected override readonly samplingOptions = ["first"] as const;
 *
 *   protected override withSamples<T>(
 *     { first = 0 }: { first?: number },
 *     count = 2,
 *     predict: (count: number, before: (run: number) => void) => T,
 *   ): T {
 *     const { weight } = this.base;
 *     return predict(count, (run) => weight.write([(first + run) % 2 ? 3 : 1]));
 *   }
 * }
 *
 * await initialize();
 * const posterior = new OneOrThree();
 * const { mean, std } = posterior.predict(
 *   () => posterior.base.forward(tensor([[2]])),
 *   { problemType: "regression", numPredictions: 2 },
 * );
 * assertEquals([await mean.item(), await std.item()], [4, 2]);
 * ```
 */
export abstract class WeightPosterior<Sampling extends object> {
  /** The model whose weights are sampled. */
  abstract readonly base: Module;
  /** The names of the options that say which samples are drawn. */
  protected abstract readonly samplingOptions: readonly string[];
  /** How many samples {@linkcode predict} draws by default. */
  get defaultPredictions(): number | undefined {
    return 30;
  }

  /**
   * Makes what runs the model on one batch with each sample, for posteriors of which
   * the samples differ in a part of the model alone: the rest may run once. Then
   * `withSamples` is asked for all samples of a batch before the next batch.
   *
   * @default {undefined: the whole model runs, on all batches with one sample}
   */
  protected readonly batchRuns:
    | ((forward: () => LogitsOutput | SpanOutput) => BatchRuns)
    | undefined = undefined;

  /**
   * Draws samples, and runs the model with each of them.
   *
   * @param options Which samples.
   * @param count How many; `undefined` if the caller does not say.
   * @param predict Runs the model on all batches, as often as its first argument
   * says; before each run it calls its second argument with the number of the run,
   * which writes that sample into the model, and before each batch of the run its
   * third, if there is one.
   * @returns What `predict` returns. The model has its own weights again; if that is a
   * promise, as for {@linkcode mapSamples}, when it settles. `runAndEnd` of
   * `@swagpu/swagpu/engine/kernels` does both.
   */
  protected abstract withSamples<T>(
    options: Sampling,
    count: number | undefined,
    predict: PredictRuns<T>,
  ): T;

  /**
   * Changes the logits of a run before they are stacked and summarized.
   *
   * @param logits What the model gives for a batch, `[batch, ..., classes]`.
   * @returns Logits of the same shape; by default these.
   */
  protected adjustLogits(logits: Tensor): Tensor {
    return logits;
  }

  /**
   * Runs the model with several samples of its weights, and returns the logits.
   * Meanwhile the model is in evaluation mode, unless `training` is set. Afterwards
   * it has the same weights as before.
   *
   * @param forward Runs the model on a batch and returns logits
   * `[batch, classes]` or `[batch, sequence, classes]`, or the two of a span.
   * @param options Which samples to draw, and how many.
   * @returns `[batch, predictions, classes]` or
   * `[batch, predictions, sequence, classes]`; for spans
   * `[batch, predictions, 2, sequence]`.
   * @throws {RangeError} If `numPredictions` is not a positive whole number.
   *
   * @example Usage
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(2, 3);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const x = tensor([[1, 2]]);
   * const logits = swag.getLogits(() => model.forward(x), { numPredictions: 4 });
   * assertEquals(logits.shape, [1, 4, 3]);
   * ```
   */
  getLogits(
    forward: () => LogitsOutput | SpanOutput,
    options: Sampling & RunOptions = {} as Sampling & RunOptions,
  ): Tensor {
    checkOptions(options, {
      action: "predict",
      known: [...this.samplingOptions, ...RUN_OPTIONS],
    });
    const [stacked] = this.#stack([forward], options);
    return (stacked as StackedLogits).logits;
  }

  /**
   * Predicts a batch with several samples, and measures the uncertainty; see
   * {@linkcode getLogits} and {@linkcode summarizeLogits}. The option `problemType`
   * or the model's `config.problemType` says what the logits mean.
   *
   * For many batches use {@linkcode predictAll}, which draws each sample only once.
   *
   * @param forward Runs the model on a batch and returns its logits.
   * @param options Which samples to draw, how many, and what the logits mean.
   * @returns The prediction for the batch.
   * @throws {TypeError} If there is a single logit per row, and neither the option
   * nor the model says what it means.
   * @throws {RangeError} If `numPredictions` is not a positive whole number.
   *
   * @example A number and its uncertainty
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(2, 1);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const x = tensor([[1, 2], [3, 4]]);
   * const { mean, std } = swag.predict(() => model.forward(x), {
   *   problemType: "regression",
   * });
   * assertEquals([mean.shape, std.shape], [[2, 1], [2, 1]]);
   * ```
   */
  predict(
    forward: () => SpanOutput,
    options?: SummarizedRunOptions<Sampling>,
  ): SpanPrediction;
  /** Predicts numbers. */
  predict(
    forward: LogitsFunction,
    options: SummarizedRunOptions<Sampling, "regression"> & {
      problemType: "regression";
    },
  ): RegressionPrediction;
  /** Predicts classes, labels, or what the model's configuration says. */
  predict(
    forward: LogitsFunction,
    options?: SummarizedRunOptions<Sampling>,
  ): ModelPrediction;
  predict(
    forward: () => LogitsOutput | SpanOutput,
    options: SummarizedRunOptions<Sampling> = {} as SummarizedRunOptions<
      Sampling
    >,
  ): ModelPrediction | RegressionPrediction | SpanPrediction {
    const [prediction] = this.#predict([forward], options);
    return prediction as ModelPrediction;
  }

  /**
   * Predicts many batches as {@linkcode predict} predicts one. Each sample is drawn
   * once for all batches; a loop over `predict` would draw it again for each batch.
   * The logits of all batches and samples stay on the GPU until the end.
   *
   * @param batches The batches, such as lists of row numbers.
   * @param forward Runs the model on a batch and returns its logits. It is called
   * for every batch and sample, and the tensors that it makes are freed.
   * @param options Which samples to draw, how many, and what the logits mean.
   * @returns The prediction for each batch, in order.
   * @throws {TypeError} If there is a single logit per row, and neither the options
   * nor the model say what it means.
   * @throws {RangeError} If `numPredictions` is not a positive whole number.
   *
   * @example Usage
   * ```ts
   * import { initialize, tensor } from "@swagpu/swagpu/engine";
   * import { batches, Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 3);
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   * const predictions = swag.predictAll(
   *   batches(10, 4),
   *   (rows) => model.forward(tensor([...rows].map((row) => [row]))),
   *   { numPredictions: 5 },
   * );
   * const shapes = predictions.map(({ probabilities }) => probabilities.shape);
   * assertEquals(shapes, [[4, 3], [4, 3], [2, 3]]);
   * ```
   */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => SpanOutput,
    options?: SummarizedRunOptions<Sampling>,
  ): SpanPrediction[];
  /** Predicts numbers. */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    options: SummarizedRunOptions<Sampling, "regression"> & {
      problemType: "regression";
    },
  ): RegressionPrediction[];
  /** Predicts classes, labels, or what the model's configuration says. */
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    options?: SummarizedRunOptions<Sampling>,
  ): ModelPrediction[];
  predictAll<Batch>(
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput | SpanOutput,
    options: SummarizedRunOptions<Sampling> = {} as SummarizedRunOptions<
      Sampling
    >,
  ): (ModelPrediction | RegressionPrediction | SpanPrediction)[] {
    const runs = Array.from(batches, (batch) => () => forward(batch));
    return this.#predict(runs, options);
  }

  /**
   * Calls a function with each of several samples in the model, one after the other.
   * The function may be asynchronous: it may read results, or generate texts, which
   * {@linkcode predict} cannot. Meanwhile the model is in evaluation mode, unless
   * `training` is set. Afterwards it has its own weights and mode again.
   *
   * No other asynchronous call may change the model's weights meanwhile, and those that
   * run the model compute with a sample. The function sees the model's logits as they
   * are, also where {@linkcode predict} divides them by a temperature.
   *
   * @param run Called with the number of the sample among those of this call.
   * @param options Which samples to draw, and how many.
   * @returns What the function has returned for each sample.
   * @throws {RangeError} If `numPredictions` is not a positive whole number.
   * @throws {TypeError} If the model holds a sample for another asynchronous call.
   *
   * @example The weight itself
   * ```ts
   * import { initialize } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new Linear(1, 1, { bias: false });
   * const swag = SwagModel.fromBase(model);
   * for (const weight of [1, 2, 3]) {
   *   model.weight.write([weight]);
   *   swag.collectModel();
   * }
   * const weights = await swag.mapSamples(() => model.weight.item(), {
   *   numPredictions: 4,
   *   seed: 7,
   * });
   * assertEquals(new Set(weights).size, 4);
   * assertEquals(await model.weight.item(), 3);
   * ```
   */
  async mapSamples<T>(
    run: (sample: number) => T | PromiseLike<T>,
    options: Sampling & RunOptions = {} as Sampling & RunOptions,
  ): Promise<T[]> {
    checkOptions(options, {
      action: "compute with samples",
      known: [...this.samplingOptions, ...RUN_OPTIONS],
    });
    const {
      numPredictions = this.defaultPredictions,
      training = false,
      ...rest
    } = options;
    checkPredictions("compute", numPredictions);
    refuseHeld("compute with samples", this.base);
    const sampling = rest as unknown as Sampling;
    const all = async (...[count, before, beforeBatch]: RunArguments) => {
      const results: T[] = [];
      for (let i = 0; i < count; i++) {
        before(i);
        beforeBatch?.(i);
        results.push(await run(i));
      }
      return results;
    };
    return await holdSample(
      this.base,
      () =>
        this.withSamples(
          sampling,
          numPredictions,
          (...runs) => inMode(this.base, training, () => all(...runs)),
        ),
      () => {}, // withSamples has written the weights back.
    );
  }

  /** Predicts with each function, all with the same samples. */
  #predict(
    runs: readonly (() => LogitsOutput | SpanOutput)[],
    options: SummarizedRunOptions<Sampling>,
  ): (Prediction | RegressionPrediction | SpanPrediction)[] {
    checkOptions(options, {
      action: "predict",
      known: [...this.samplingOptions, ...RUN_OPTIONS, "problemType"],
    });
    const { problemType, numPredictions = this.defaultPredictions, ...rest } =
      options;
    using _ = scope();
    const sampling = rest as unknown as Sampling & RunOptions;
    const stacks = this.#stack(runs, { ...sampling, numPredictions });
    return stacks.map(({ isSpan, logits }) => {
      const prediction = isSpan
        ? summarizeSpan(logits)
        : summarizeLogits(logits, {
          problemType: problemType ?? problemOf(this.base, logits),
        });
      for (const x of tensorsOf(prediction)) keep(x);
      return prediction;
    });
  }

  /** Runs every function with every sample, and stacks its logits. */
  #stack(
    runs: readonly (() => LogitsOutput | SpanOutput)[],
    options: Sampling & RunOptions,
  ): StackedLogits[] {
    const { numPredictions, training = false, ...rest } = options;
    checkPredictions("predict", numPredictions);
    const sampling = rest as unknown as Sampling;
    return this.withSamples(
      sampling,
      numPredictions,
      (count, before, beforeBatch) =>
        inMode(this.base, training, () =>
          stackRuns(runs, {
            ...{ runs: count, before, beforeBatch, batchRuns: this.batchRuns },
            adjust: (logits) => this.adjustLogits(logits),
          })),
    );
  }
}
