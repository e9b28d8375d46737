// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures a model of any task with its own weights and, if it has a posterior, with
 * the mean of the posterior (SWA) and with samples of it (SWAG).
 *
 * @module
 */

import type { MethodScores } from "./scores.ts";
import type {
  LoadedModel,
  Task,
  TaskContext,
  TaskModel,
  TaskRow,
} from "./tasks/task.ts";

/** How to measure. */
export interface MeasureOptions extends TaskContext {
  /** The most tokens of a row. */
  maxLength: number;
  /** How many rows are computed at a time. */
  batchSize: number;
  /** How many samples of the posterior to average; 0 for none. */
  samples: number;
  /** The factor on the posterior's covariance. */
  scale: number;
  /** The seed of the samples. */
  seed: number;
}

/** A way to set the weights: their samples, and the factor on the covariance. */
interface Method {
  method: string;
  samples: number;
  scale: number;
}

/** Scores a model with each method that it has. */
export async function measure<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  task: Task<Example, Row, Outputs, Model>,
  { model, tokenizer, swag }: LoadedModel<Model>,
  rows: readonly Row[],
  options: MeasureOptions,
): Promise<MethodScores[]> {
  const { args, progress, maxLength, batchSize, seed } = options;
  const methods: Method[] = swag
    ? [
      { method: "SWA", samples: 1, scale: 0 },
      { method: "SWAG", samples: options.samples, scale: options.scale },
    ].filter(({ samples }) => samples > 0)
    : [];
  const passes = methods.reduce((sum, { samples }) => sum + samples, 1);
  using stage = progress.stage(
    "evaluating",
    rows.length * passes,
    passes > 1 ? "passes" : "rows",
  );
  const outputs = (isSample: boolean) =>
    task.outputs(rows, {
      args,
      progress,
      model,
      tokenizer,
      maxLength,
      batchSize,
      isSample,
      advance: (more) => stage.advance(more),
    });
  const context = { args, progress, config: model.config };
  const results: MethodScores[] = [{
    method: "last iterate",
    scores: task.scores([await outputs(false)], rows, context),
  }];
  for (const { method, samples, scale } of methods) {
    const members: Outputs[] = [];
    for (let index = 0; index < samples; index++) {
      await swag?.withSample({ scale, seed, index }, async () => {
        members.push(await outputs(samples > 1));
      });
    }
    results.push({ method, scores: task.scores(members, rows, context) });
  }
  return results;
}
