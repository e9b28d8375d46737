// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which evaluation of a run is the best.

import type { TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

type Metrics = Readonly<Record<string, number>>;

/** The value of `metricForBestModel`, with or without `eval_`. */
export function metricOf(
  metrics: Metrics,
  { metricForBestModel }: CompleteTrainingArguments,
): number | undefined {
  if (metricForBestModel === undefined) return undefined;
  return metrics[prefixed(metricForBestModel)];
}

function prefixed(name: string): string {
  return name.startsWith("eval_") ? name : `eval_${name}`;
}

/**
 * The value of a metric, with or without `eval_`, of the loss by default.
 *
 * @throws {RangeError} If the metrics lack it.
 */
export function metricFor(name = "loss", metrics: Metrics): number {
  const metric = metrics[prefixed(name)];
  if (metric !== undefined) return metric;
  throw new RangeError(
    `Cannot choose the best model by "${name}": the evaluation gave ` +
      Object.keys(metrics).map((name) => `"${name}"`).join(", "),
  );
}

/**
 * Notes in the state whether an evaluation is the best so far.
 *
 * @returns Whether it is.
 * @throws {RangeError} If the metrics lack `metricForBestModel`.
 */
export function noteBest(
  state: TrainerState,
  metrics: Metrics,
  args: CompleteTrainingArguments,
): boolean {
  const { metricForBestModel, greaterIsBetter } = args;
  if (metricForBestModel === undefined) return false;
  const metric = metricFor(metricForBestModel, metrics);
  const { bestMetric } = state;
  // Without a best one yet, only NaN is not better.
  const isBetter = greaterIsBetter
    ? metric > (bestMetric ?? -Infinity)
    : metric < (bestMetric ?? Infinity);
  if (!isBetter) return false;
  state.bestMetric = metric;
  state.bestGlobalStep = state.globalStep;
  return true;
}
