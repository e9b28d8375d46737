// Copyright 2026 the swagpu authors. MIT license.

/**
 * Computes the scores of words' tags.
 *
 * @module
 */

import type { Labeled } from "../../models/mod.ts";
import { checkFinite } from "../not_finite.ts";
import { type RowOptions, runRows } from "./run_rows.ts";
import { NO_TAG, type TaggedRow } from "./token_rows.ts";
import { taggedWordsOf } from "./tag_scores.ts";

/** A model that tags tokens. */
export type TokenModel = Labeled<"tokenClassification">;

/**
 * Computes the scores of all words that have a tag, row by row: those of the tokens
 * that bear the tags.
 *
 * @returns `[words, tags]`.
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function tagOutputs(
  rows: readonly TaggedRow[],
  options: RowOptions<TokenModel>,
): Promise<Float32Array<ArrayBuffer>> {
  const { model } = options;
  const classes = model.config.numLabels;
  let words = 0;
  const starts = rows.map((row) => {
    const start = words;
    words += taggedWordsOf(row);
    return start;
  });
  const scores = new Float32Array(words * classes);
  await runRows(rows, options, {
    compute: (inputs) => [model.forward(inputs).logits],
    take(index, [logits = new Float32Array()]) {
      const row = rows[index];
      let at = (starts[index] ?? 0) * classes;
      for (const [token, id] of row?.labels.entries() ?? []) {
        if (id === NO_TAG) continue;
        const begin = token * classes;
        const own = logits.subarray(begin, begin + classes);
        checkFinite(own, index, row?.place);
        scores.set(own, at);
        at += classes;
      }
    },
  });
  return scores;
}
