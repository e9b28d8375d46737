// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A callback of nn's Trainer that collects weights, and at the end measures the
 * posterior and gives the model its mean.
 *
 * @module
 */

import { requireWritable, writeTextAtomically } from "../../nn/formats/mod.ts";
import type { TrainerEvent } from "../../nn/mod.ts";
import {
  type ModelPrediction,
  type PredictionProblem,
  tensorsOf,
} from "../predict.ts";
import type { LogitsOutput } from "../runs.ts";
import type { SwagModel } from "../swag_model.ts";
import {
  SwagUpdateCallback,
  type SwagUpdateOptions,
} from "./update_callback.ts";

/** Options of {@linkcode SWAGCallback}: when to collect, and what to measure. */
export interface SWAGCallbackOptions<Batch> extends SwagUpdateOptions {
  /** The batches that the posterior is measured on. */
  batches: () => Iterable<Batch>;
  /** Runs the model on a batch, as for {@linkcode SwagModel.predictAll}. */
  forward: (batch: Batch) => LogitsOutput;
  /** Measures the predictions for the batches, in order. */
  score: (
    predictions: ModelPrediction[],
  ) => Record<string, number> | Promise<Record<string, number>>;
  /**
   * What the model predicts.
   *
   * @default {what the model's configuration says, else one of several classes}
   */
  problemType?: PredictionProblem | undefined;
  /** The factor on the covariance of the samples. @default {0.5} */
  scale?: number | undefined;
  /** Decides the samples. @default {0} */
  seed?: number | undefined;
  /** The folder for `swag_eval_report.json`, which is made if it does not exist. */
  reportFolder: string;
}

/** The name of the report, which is dicee's. */
const REPORT = "swag_eval_report.json";

/**
 * Collects weights as {@linkcode SwagUpdateCallback} does. At the end of the run it
 * predicts with `maxNumModels` samples that all count the same, writes what that
 * measures to `swag_eval_report.json`, and gives the model the mean of the weights
 * collected: what dicee's callback `SWAG` does. There, `swa_start_epoch` is `start`,
 * and the rate falls to `swa_lr` where it is `lrSchedulerType: "constant"` or
 * `"cyclic"` here.
 *
 * dicee multiplies the diagonal of the covariance by the square of `scale`, and the
 * low-rank part by nothing. Here `scale` multiplies the covariance, as in
 * {@linkcode SwagModel}.
 *
 * @example Usage
 * ```ts
 * import { initialize, manualSeed, tensor, type Tensor } from "@swagpu/swagpu/engine";
 * import { Linear, Module, mseLoss, Trainer } from "@swagpu/swagpu/nn";
 * import { SWAGCallback, SwagModel } from "@swagpu/swagpu/swag";
 * import { assert, assertEquals } from "@std/assert";
 *
 * class Line extends Module {
 *   readonly linear = new Linear(1, 1);
 *   forward({ x, labels }: { x: Tensor; labels: Tensor }) {
 *     return { loss: mseLoss(this.linear.forward(x), labels) };
 *   }
 * }
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Line();
 * const folder = await Deno.makeTempDir();
 * using swag = SwagModel.fromBase(model, { noCovMat: false });
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 10, lrSchedulerType: "constant" },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [
 *     new SWAGCallback(swag, {
 *       start: 5,
 *       batches: () => [[[0.5], [1.5]]],
 *       forward: (x) => model.linear.forward(tensor(x)),
 *       problemType: "regression",
 *       score: async ([prediction]) => {
 *         const [a = 0, b = 0] = await prediction!.mean!.data();
 *         return { mse: ((a - 2.5) ** 2 + (b - 4.5) ** 2) / 2 };
 *       },
 *       reportFolder: folder,
 *     }),
 *   ],
 * });
 * await trainer.train();
 * const text = await Deno.readTextFile(`${folder}/swag_eval_report.json`);
 * const report = JSON.parse(text);
 * assertEquals([report.num_samples, report.n_models], [20, 5]);
 * assert(report.metrics.mse > 0);
 * const mean = (await swag.moments()).get("linear.weight")?.mean;
 * assertEquals(await model.linear.weight.data(), mean);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class SWAGCallback<Batch> extends SwagUpdateCallback {
  /** The name under which checkpoints keep the posterior. */
  override readonly name = "SWAGCallback";
  readonly #options: SWAGCallbackOptions<Batch>;

  /**
   * Checks the options. Nothing is collected before the run.
   *
   * @param swag The posterior, over the model that is trained.
   * @param options When to collect, and how to measure.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(swag: SwagModel, options: SWAGCallbackOptions<Batch>) {
    const {
      batches,
      forward,
      score,
      problemType,
      scale = 0.5,
      seed = 0,
      reportFolder,
      ...update
    } = options;
    super(swag, update);
    if (!(scale >= 0 && scale < Infinity)) {
      throw new RangeError(
        `Cannot measure a posterior with scale ${scale}: it must not be negative`,
      );
    }
    this.#options = {
      ...{ batches, forward, score, problemType, scale, seed, reportFolder },
    };
  }

  /**
   * Begins to count, unless the run resumes, and tries the folders.
   *
   * @throws {RangeError} If the run ends before `start`.
   * @throws {Error} If a folder cannot be written to.
   */
  override async onTrainBegin(event: TrainerEvent): Promise<void> {
    await super.onTrainBegin(event);
    await requireWritable(this.#options.reportFolder);
  }

  /**
   * Measures the posterior, writes the report, and gives the model the mean, unless a
   * signal has ended the run.
   *
   * @throws {RangeError} If nothing has been collected.
   */
  override async onTrainEnd(event: TrainerEvent): Promise<void> {
    await super.onTrainEnd(event);
    if (event.aborted) return;
    const { swag } = this;
    const { reportFolder, batches, forward, score } = this.#options;
    const { problemType, scale, seed } = this.#options;
    if (swag.nModels === 0) {
      throw new RangeError(
        "Cannot measure the posterior: nothing has been collected, let " +
          "collecting start earlier or the run be longer",
      );
    }
    const numPredictions = swag.settings.maxNumModels;
    const predictions = swag.predictAll(batches(), forward, {
      ...scale === undefined ? {} : { scale },
      ...seed === undefined ? {} : { seed },
      ...{ problemType, numPredictions },
    });
    const report = {
      num_samples: numPredictions,
      scale,
      seed,
      n_models: swag.nModels,
      cov_mat_rank: swag.covMatRank,
      collected_steps: this.collectedSteps,
      metrics: await score(predictions),
    };
    for (const prediction of predictions) {
      for (const x of tensorsOf(prediction)) x.dispose();
    }
    await writeTextAtomically(
      `${reportFolder}/${REPORT}`,
      `${JSON.stringify(report, undefined, 2)}\n`,
    );
    swag.restoreMean();
    swag.acceptWeights();
  }
}
