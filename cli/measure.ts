// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures a model of any task with its own weights and, if it has a posterior, with
 * the mean of the posterior (SWA) and with samples of it (SWAG).
 *
 * @module
 */

import { methodsOf, passesOf, type SampleOptions } from "./posterior.ts";
import type { MethodScores } from "./scores.ts";
import type {
  LoadedModel,
  Task,
  TaskContext,
  TaskModel,
  TaskRow,
} from "./tasks/task.ts";

/** How to measure. */
export interface MeasureOptions extends TaskContext, SampleOptions {
  /** The most tokens of a row. */
  maxLength: number;
  /** How many rows are computed at a time. */
  batchSize: number;
}

/** Scores a model with each method that it has. */
export async function measure<
  Example,
  Row extends TaskRow,
  Outputs,
  Model extends TaskModel,
>(
  task: Task<Example, Row, Outputs, Model>,
  loaded: LoadedModel<Model>,
  rows: readonly Row[],
  options: MeasureOptions,
): Promise<MethodScores[]> {
  const { args, progress, maxLength, batchSize } = options;
  const { model, tokenizer } = loaded;
  const methods = methodsOf(loaded, options);
  const passes = passesOf(methods);
  using stage = progress.stage(
    "evaluating",
    rows.length * passes,
    passes > 1 ? "passes" : "rows",
  );
  const context = { args, progress, config: model.config };
  const results: MethodScores[] = [];
  for (const { method, members, over } of methods) {
    const outputs = await over(() =>
      task.outputs(rows, {
        ...{ args, progress, model, tokenizer, maxLength, batchSize },
        isSample: members > 1,
        advance: (more) => stage.advance(more),
      })
    );
    results.push({ method, scores: task.scores(outputs, rows, context) });
  }
  return results;
}
