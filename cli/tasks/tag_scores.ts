// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures how good the tags of words are.
 *
 * @module
 */

import {
  accuracy,
  argmaxRows,
  type EntityOptions,
  entityScores,
  expectedCalibrationError,
  f1Score,
  negativeLogLikelihood,
  softmaxRows,
} from "../../nn/mod.ts";
import { meanOf } from "../classifier.ts";
import { NO_TAG, type TaggedRow } from "./token_rows.ts";

/**
 * How tags write entities; `undefined` where they do not, as parts of speech.
 *
 * @param names The names of all tags.
 */
export function schemeOf(names: readonly string[]): EntityOptions | undefined {
  const isOf = (letters: string) =>
    names.every((name) =>
      name === "O" || new RegExp(`^[${letters}](-.*)?$`, "su").test(name)
    ) && names.some((name) => name !== "O");
  if (isOf("BIES")) return {};
  return isOf("BILU") ? { mode: "strict", scheme: "BILOU" } : undefined;
}

/** The number of words of a row that have a tag. */
export function taggedWordsOf({ labels }: TaggedRow): number {
  return labels.reduce((sum, id) => sum + (id === NO_TAG ? 0 : 1), 0);
}

/** The mean probabilities of words' tags, over samples of the weights. */
export function meanProbabilities(
  members: readonly Float32Array<ArrayBuffer>[],
  classes: number,
): Float64Array<ArrayBuffer> {
  return meanOf(members.map((scores) => softmaxRows(scores, { classes })));
}

/**
 * Measures tags: F1, precision and recall of entities, as seqeval computes them, or
 * where tags are no entities the mean F1 of the tags; and of words accuracy, negative
 * log-likelihood and calibration error.
 *
 * @param members The scores of each sample of the weights, `[words, tags]`, for all
 * words of the rows that have a tag. Their probabilities are averaged.
 * @param rows The rows, with the true tags.
 * @param names The names of the tags.
 */
export function tagScores(
  members: readonly Float32Array<ArrayBuffer>[],
  rows: readonly TaggedRow[],
  names: readonly string[],
): Record<string, number> {
  const classes = names.length;
  const probabilities = meanProbabilities(members, classes);
  const predicted = argmaxRows(probabilities, { classes });
  const truth = Int32Array.from(
    rows.flatMap(({ labels }) => labels.filter((id) => id !== NO_TAG)),
  );
  return {
    ...groupScores({ predicted, truth, rows, names }),
    accuracy: accuracy(probabilities, truth),
    nll: negativeLogLikelihood(probabilities, truth),
    ece: expectedCalibrationError(probabilities, truth),
  };
}

/** F1 and what belongs to it. */
function groupScores(
  { predicted, truth, rows, names }: {
    predicted: Uint32Array;
    truth: Int32Array;
    rows: readonly TaggedRow[];
    names: readonly string[];
  },
): Record<string, number> {
  const scheme = schemeOf(names);
  if (!scheme) return { f1: f1Score(predicted, truth, { average: "macro" }) };
  const sentencesOf = (ids: Uint32Array | Int32Array): string[][] => {
    let at = 0;
    return rows.map((row) => {
      const own = ids.subarray(at, at += taggedWordsOf(row));
      return Array.from(own, (id) => names[id] ?? "O");
    });
  };
  const { micro: { fscore, precision, recall } } = entityScores(
    sentencesOf(predicted),
    sentencesOf(truth),
    scheme,
  );
  return { f1: fscore, precision, recall };
}
