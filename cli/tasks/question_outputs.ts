// Copyright 2026 the swagpu authors. MIT license.

/**
 * Computes the scores of tokens as the first and the last of an answer, and averages
 * those of samples of the weights.
 *
 * @module
 */

import type { Positioned, WindowScores } from "../../models/mod.ts";
import { logSoftmaxRows } from "../../nn/mod.ts";
import { checkFinite } from "../not_finite.ts";
import { type RowOptions, runRows } from "./run_rows.ts";
import type { WindowRow } from "./question_rows.ts";

/** A model that finds answers. */
export type AnswerModel = Positioned<"questionAnswering">;

/** The scores of a window's tokens, without padding. */
export interface WindowOutput extends WindowScores {
  /** Each token's score as the first of the answer. */
  readonly startLogits: Float32Array<ArrayBuffer>;
  /** Each token's score as the last of the answer. */
  readonly endLogits: Float32Array<ArrayBuffer>;
}

/**
 * Computes the scores of all windows.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function answerOutputs(
  rows: readonly WindowRow[],
  options: RowOptions<AnswerModel>,
): Promise<WindowOutput[]> {
  const { model } = options;
  const outputs: WindowOutput[] = [];
  await runRows(rows, options, {
    compute(inputs) {
      const { startLogits, endLogits } = model.forward(inputs);
      return [startLogits, endLogits];
    },
    take(index, values) {
      const row = rows[index];
      const [startLogits, endLogits] = values.map((logits) => {
        const own = logits.slice(0, row?.length);
        checkFinite(own, index, row?.place);
        return own;
      });
      if (startLogits && endLogits) outputs[index] = { startLogits, endLogits };
    },
  });
  return outputs;
}

/**
 * Averages the scores of samples of the weights, window by window:
 *
 * ```text
 * log 1/S Σₛ softmax(zₛ) + 1/S Σₛ log Σ exp(zₛ)
 * ```
 *
 * The first part is the mean of the samples' probabilities in the window. The second
 * is the mean of what the softmax took away, by which the windows of one text are
 * compared. The scores of a single sample thus stay what they are.
 *
 * @param members The scores of each sample.
 */
export function averageOutputs(
  members: readonly (readonly WindowOutput[])[],
): readonly WindowOutput[] {
  const [first = []] = members;
  if (members.length === 1) return first;
  return first.map((_, index) => {
    const of = (name: keyof WindowOutput) =>
      averageScores(members.map((own) => own[index]?.[name] ?? NONE));
    return { startLogits: of("startLogits"), endLogits: of("endLogits") };
  });
}

const NONE = new Float32Array();

/** Averages the scores of one window; see {@linkcode averageOutputs}. */
function averageScores(
  members: readonly Float32Array[],
): Float32Array<ArrayBuffer> {
  const classes = members[0]?.length ?? 0;
  const logs = members.map((scores) => logSoftmaxRows(scores, { classes }));
  const normalizers = members.map((scores, s) =>
    (scores[0] ?? NaN) - (logs[s]?.[0] ?? NaN)
  );
  const shift = normalizers.reduce((sum, x) => sum + x, 0) / members.length;
  return Float32Array.from({ length: classes }, (_, token) => {
    const own = logs.map((log) => log[token] ?? NaN);
    const most = Math.max(...own);
    const sum = own.reduce((sum, log) => sum + Math.exp(log - most), 0);
    return most + Math.log(sum / members.length) + shift;
  });
}
