// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "./callbacks.ts";
import { metricOf } from "./best_model.ts";

/** Options of {@linkcode EarlyStoppingCallback}. */
export interface EarlyStoppingOptions {
  /**
   * The evaluations in a row without improvement after which to stop.
   * @default {1}
   */
  earlyStoppingPatience?: number;
  /** By how much a metric must be better to count. @default {0} */
  earlyStoppingThreshold?: number;
}

/**
 * Ends a run when `metricForBestModel` has not improved for some evaluations, by
 * the rule of Hugging Face's `EarlyStoppingCallback`. Its count is kept in
 * checkpoints.
 *
 * @example Usage
 * ```ts
 * import { EarlyStoppingCallback, type TrainerCallback } from "@swagpu/swagpu/nn";
 *
 * const callbacks: TrainerCallback[] = [
 *   new EarlyStoppingCallback({ earlyStoppingPatience: 3 }),
 * ];
 * ```
 */
export class EarlyStoppingCallback implements TrainerCallback {
  /** The name under which checkpoints keep the count. */
  readonly name = "EarlyStoppingCallback";
  /** The evaluations in a row without improvement. */
  earlyStoppingPatienceCounter = 0;
  readonly #patience: number;
  readonly #threshold: number;

  /**
   * Starts without any evaluation.
   *
   * @param options When to stop.
   * @throws {RangeError} If the patience is not a whole number of at least 1, or
   * the threshold is negative.
   * @throws {TypeError} If an option is not known.
   */
  constructor(options: EarlyStoppingOptions = {}) {
    checkOptions(options, {
      action: "stop early",
      known: ["earlyStoppingPatience", "earlyStoppingThreshold"],
    });
    this.#patience = options.earlyStoppingPatience ?? 1;
    this.#threshold = options.earlyStoppingThreshold ?? 0;
    if (!(Number.isSafeInteger(this.#patience) && this.#patience >= 1)) {
      throw new RangeError(
        `Cannot stop early with earlyStoppingPatience ${this.#patience}: it ` +
          "must be a whole number of at least 1",
      );
    }
    if (!(this.#threshold >= 0)) {
      throw new RangeError(
        `Cannot stop early with earlyStoppingThreshold ${this.#threshold}: it ` +
          "must not be negative",
      );
    }
  }

  /**
   * Throws if no evaluation will tell anything.
   *
   * @throws {RangeError} If `metricForBestModel` is not set, or `evalStrategy`
   * is `"no"`.
   */
  onTrainBegin({ args }: TrainerEvent): void {
    if (args.metricForBestModel === undefined) {
      throw new RangeError(
        "Cannot stop early without metricForBestModel: name the metric that " +
          "has to improve",
      );
    }
    if (args.evalStrategy === "no") {
      throw new RangeError(
        'Cannot stop early with evalStrategy "no": evaluations tell when to stop',
      );
    }
  }

  /** Counts, and asks to stop when the patience is at its end. */
  onEvaluate({ args, state, control, metrics = {} }: TrainerEvent): void {
    const metric = metricOf(metrics, args);
    if (metric === undefined) return;
    const { bestMetric } = state;
    const gain = bestMetric === undefined
      ? Infinity
      : args.greaterIsBetter
      ? metric - bestMetric
      : bestMetric - metric;
    const isBetter = gain > 0 && gain > this.#threshold;
    if (isBetter) this.earlyStoppingPatienceCounter = 0;
    else this.earlyStoppingPatienceCounter++;
    if (this.earlyStoppingPatienceCounter >= this.#patience) {
      control.shouldTrainingStop = true;
    }
  }

  /** The count. */
  stateDict(): CallbackState {
    return { values: this.earlyStoppingPatienceCounter };
  }

  /**
   * Continues from a count.
   *
   * @param state What {@linkcode stateDict} has given.
   * @throws {TypeError} If it is not a count.
   */
  loadStateDict({ values }: LoadedCallbackState): void {
    if (!Number.isSafeInteger(values)) {
      throw new TypeError(
        "Cannot load the state of EarlyStoppingCallback: it is not a count",
      );
    }
    this.earlyStoppingPatienceCounter = values as number;
  }
}
