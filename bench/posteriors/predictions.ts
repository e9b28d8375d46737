// Copyright 2026 the swagpu authors. MIT license.

// What a posterior predicts for the validation set, the test set and foreign texts.

import {
  type IntegerTensor,
  readAll,
  scope,
  tensor,
} from "../../engine/mod.ts";
import { batches } from "../../nn/mod.ts";
import type { Prediction } from "../../swag/mod.ts";
import {
  type Classifier,
  type EncodedTexts,
  type Learner,
  rowsOf,
} from "./learner.ts";

/** The predictions for some texts. */
export interface SetPrediction {
  /** `[texts, classes]`. */
  readonly probabilities: Float64Array;
  /** How much the samples disagree, in nats, `[texts]`. */
  readonly mutualInformation: Float64Array;
}

/** The predictions of a method. */
export interface Predictions {
  readonly validation: SetPrediction;
  readonly test: SetPrediction;
  readonly foreign?: SetPrediction;
}

/** Some rows of a set. */
export interface RowBatch {
  readonly texts: EncodedTexts;
  readonly rows: Uint32Array;
}

/** A posterior, or anything else that predicts alike. */
export interface Predictor<Options extends object> {
  predictAll(
    batches: Iterable<RowBatch>,
    forward: (batch: RowBatch) => { logits: Logits },
    options?: Options,
  ): Prediction[];
}

type Logits = ReturnType<Classifier["forward"]>["logits"];

const ROWS = 250;

/** The batches of a set, in order. */
export function batchesOf(texts: EncodedTexts): RowBatch[] {
  return Array.from(batches(texts.count, ROWS), (rows) => ({ texts, rows }));
}

/** Runs a model on a batch. */
export function forwardOf(
  model: Classifier,
): (batch: RowBatch) => { logits: Logits } {
  return ({ texts, rows }) => {
    const index: IntegerTensor = tensor(Int32Array.from(rows));
    return model.forward(rowsOf(texts, index));
  };
}

/** Predicts all sets with the same samples. */
export async function predictSets<Options extends object>(
  predictor: Predictor<Options>,
  { learner, model, options }: {
    learner: Learner;
    model: Classifier;
    options: Options;
  },
): Promise<Predictions> {
  using _ = scope();
  const { validation, test, foreign } = learner;
  const sets = [validation, test, ...foreign ? [foreign] : []];
  const cut = sets.map(batchesOf);
  const predictions = predictor.predictAll(
    cut.flat(),
    forwardOf(model),
    options,
  );
  const read = await readAll(
    predictions.flatMap(({ probabilities, mutualInformation }) => [
      probabilities,
      mutualInformation,
    ]),
  );
  let at = 0;
  const [first, second, third] = cut.map(({ length }): SetPrediction => {
    const own = read.slice(2 * at, 2 * (at + length));
    at += length;
    const join = (odd: number) =>
      Float64Array.from(
        own.filter((_, i) => i % 2 === odd).flatMap((values) => [...values]),
      );
    return { probabilities: join(0), mutualInformation: join(1) };
  });
  if (!first || !second) throw new RangeError("Cannot predict: no texts");
  return {
    validation: first,
    test: second,
    ...third && { foreign: third },
  };
}
