// Copyright 2026 the swagpu authors. MIT license.

// The quickstart's data and model, as the page trains it.

import { type IntegerTensor, manualSeed, tensor } from "@swagpu/swagpu/engine";
import {
  BertForSequenceClassification,
  Tokenizer,
} from "@swagpu/swagpu/models";
import { generateReviews, type Reviews } from "../../quickstart/grammar.ts";
import {
  encode,
  type Encoded,
  smallBert,
} from "../../quickstart/small_bert.ts";
import {
  learnVocabulary,
  tokenizerFiles,
} from "../../quickstart/vocabulary.ts";
import type { TrainingPlan } from "../protocol.ts";

/** The texts of a plan, which depend on it alone. */
export interface PlannedData {
  readonly reviews: Reviews;
  readonly tokenizer: Tokenizer;
}

/**
 * Generates reviews, and learns their vocabulary.
 *
 * @param plan How many, and their seed.
 */
export function plannedData(
  { reviews: count, seed }: TrainingPlan,
): PlannedData {
  const reviews = generateReviews({
    seed,
    train: count,
    test: 2 * count,
    ood: 0,
  });
  const texts = reviews.train.map(({ text }) => text);
  const vocabulary = learnVocabulary(texts, { minimumCount: 2 });
  return { reviews, tokenizer: new Tokenizer(tokenizerFiles(vocabulary)) };
}

/**
 * Builds the model with random weights.
 *
 * @param plan The seed of its weights.
 * @param tokenizer The tokenizer.
 */
export function plannedModel(
  { seed }: TrainingPlan,
  tokenizer: Tokenizer,
): BertForSequenceClassification {
  manualSeed(seed);
  return new BertForSequenceClassification(smallBert(tokenizer.vocabSize));
}

/** Puts the reviews to train on, and their labels, onto the GPU. */
export function trainingTensors(
  { reviews: { train }, tokenizer }: PlannedData,
): { texts: Encoded; labels: IntegerTensor } {
  return {
    texts: encode(tokenizer, train),
    labels: tensor(Int32Array.from(train, ({ label }) => label)),
  };
}
