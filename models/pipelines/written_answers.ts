// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What pipelines write with a model, or with samples of its weights: then it is the
// text that the samples agree with most, and how far they differ.

import type { Generator } from "../../engine/mod.ts";
import {
  type AnswerUncertainty,
  generate,
  generateWithUncertainty,
  type GenerationConfig,
  type GenerationOptions,
  type ScoringModel,
  type UncertainGenerateOptions,
} from "../generation/mod.ts";
import type { WeightSamples } from "../weight_samples.ts";
import type { SampledPosterior } from "./posterior.ts";
import { alone, shared } from "./turns.ts";

/** How unsure a text is that samples of the weights have written. */
export interface WritingUncertainty {
  /**
   * How much all samples' texts agree with this one: its mean `utility`, from 0 to 100
   * if that is not replaced.
   */
  expectedUtility: number;
  /** The entropy of a token, in nats: its mean over the samples' texts. */
  entropy: number;
  /** The part of it on which the samples disagree, in nats. */
  mutualInformation: number;
  /** The entropy over what the samples' texts mean, in nats. */
  semanticEntropy: number;
}

/** A text and, where there is a posterior, how unsure it is. */
export interface WrittenText extends Partial<WritingUncertainty> {
  /** The text. */
  readonly text: string;
}

/** What is written. */
export interface Writing {
  /** The rows to continue or to answer. */
  readonly rows: { inputIds: number[][]; attentionMask: number[][] };
  readonly config: GenerationConfig;
  readonly generator: Generator | undefined;
  readonly options: GenerationOptions;
  /** How many texts are wanted of each row. */
  readonly count: number;
  /** How the texts of samples are compared. */
  readonly compare: Pick<UncertainGenerateOptions, "equivalent" | "utility">;
}

/** Makes texts of what a model has written. */
export interface TextsOfRows {
  /** The texts of all rows, `[rows · count]`. */
  plain(sequences: readonly number[][]): string[];
  /** The texts of answers, which begin with the prompt if the model has no encoder. */
  batchDecode(rows: readonly (readonly number[])[]): string[];
}

/**
 * Writes texts, the best first.
 *
 * @returns The texts of each row; of samples there may be fewer than are wanted.
 */
export async function writeAnswers(
  model: ScoringModel,
  sampled: SampledPosterior | undefined,
  { rows, config, generator, options, count, compare }: Writing,
  texts: TextsOfRows,
): Promise<WrittenText[][]> {
  const all = { ...rows, generationConfig: config, generator, ...options };
  if (!sampled) {
    const { sequences } = await shared(
      model,
      () => generate(model, { ...all, numReturnSequences: count }),
    );
    const own = texts.plain(sequences).map((text) => ({ text }));
    return rows.inputIds.map((_, i) => own.slice(i * count, (i + 1) * count));
  }
  const answers = await generateWithUncertainty(model, {
    ...all,
    ...compare,
    numReturnSequences: 1,
    posterior: inTurn(model, sampled),
    sampling: sampled.sampling,
    tokenizer: texts,
  });
  return answers.map((answer) => bestOf(answer, count));
}

/** The best texts of a row, each once. */
function bestOf(
  {
    candidates,
    tokenTotalUncertainty: entropy,
    tokenMutualInformation: mutualInformation,
    semanticEntropy: { discrete: semanticEntropy },
  }: AnswerUncertainty,
  count: number,
): WrittenText[] {
  const seen = new Map(
    candidates.toReversed().map(({ text, expectedUtility }) =>
      [text, expectedUtility] as const
    ),
  );
  return [...seen].reverse().slice(0, count).map(([text, expectedUtility]) => ({
    text,
    ...{ expectedUtility, entropy, mutualInformation, semanticEntropy },
  }));
}

/**
 * A posterior that waits for its turn. It is not held while texts are compared, for
 * which the caller's function may use the same model.
 */
function inTurn(model: object, { posterior }: SampledPosterior): WeightSamples {
  // Checked when the pipeline was made.
  const samples = posterior as WeightSamples;
  return {
    defaultPredictions: samples.defaultPredictions,
    temperature: samples.temperature,
    mapSamples: (run, options) =>
      alone(model, () => samples.mapSamples(run, options)),
  };
}
