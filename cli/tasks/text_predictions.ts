// Copyright 2026 the swagpu authors. MIT license.

/**
 * Labels texts: what is predicted for each, in the order of the file or ranked.
 *
 * @module
 */

import type { PretrainedConfig } from "../../models/mod.ts";
import type { Option } from "../arguments.ts";
import { type Classifier, scoresOf } from "../classifier.ts";
import {
  checkPosterior,
  checkRankable,
  RANK_OPTIONS,
  type Ranking,
  rankingOf,
} from "../label_next.ts";
import { scoreOptions } from "../model_options.ts";
import { namingRows } from "../not_finite.ts";
import { ofMembers } from "../posterior.ts";
import { type Line, predictionLines } from "../prediction_lines.ts";
import { cutRemark } from "../prepare_examples.ts";
import { TokenizedTexts } from "../tokenized_texts.ts";
import { TopRows } from "../top_rows.ts";
import type { TaskContext } from "./task.ts";
import { INPUT_OPTIONS, type TextInputs, textInputs } from "./text_inputs.ts";
import { THRESHOLD_OPTION, thresholdOf } from "./threshold.ts";

/** How many texts are tokenized, scored and written at a time. */
const CHUNK = 4096;

/** The options that say what is printed. */
export const RESULT_OPTIONS: readonly Option[] = [
  ...RANK_OPTIONS,
  THRESHOLD_OPTION,
];

/** The options of predicting, beside those of every model. */
export const PREDICT_OPTIONS: readonly Option[] = [
  ...INPUT_OPTIONS,
  ...RESULT_OPTIONS,
];

/** Texts to label, and what to print of them. */
export interface PredictionInputs {
  readonly inputs: TextInputs;
  /** How to rank them, if they are ranked. */
  readonly ranking: Ranking | undefined;
  /** The least probability of a class that is predicted, of several. */
  readonly threshold: number;
}

/**
 * Reads the texts to label.
 *
 * @throws {TypeError} If options contradict each other or do not fit the model.
 */
export async function predictionInputs(
  config: PretrainedConfig,
  context: TaskContext,
): Promise<PredictionInputs> {
  const { args } = context;
  const ranking = rankingOf(args, scoreOptions(args));
  checkRankable(ranking, config);
  const threshold = thresholdOf(args, config);
  return { inputs: await textInputs(config, context), ranking, threshold };
}

/** Labels texts, a chunk at a time, and gives the line of each. */
export async function* predictedLines(
  classifier: Classifier,
  { inputs, ranking, threshold }: PredictionInputs,
  { args, progress, maxLength }: TaskContext & { readonly maxLength: number },
): AsyncGenerator<Line> {
  checkPosterior(ranking, classifier);
  const options = scoreOptions(args);
  const { model, tokenizer, swag } = classifier;
  const { config } = model;
  const { texts, pairs, path } = inputs;
  const isSampled = swag !== undefined && options.samples > 0;
  const passes = isSampled ? options.samples : 1;
  using stage = progress.stage(
    "labeling",
    texts.length * passes,
    passes > 1 ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  const top = ranking && new TopRows<Line>(ranking.top);
  let cut = 0;
  for (let start = 0; start < texts.length; start += CHUNK) {
    const own = texts.slice(start, start + CHUNK);
    const tokenized = new TokenizedTexts(tokenizer, own, {
      pairs: pairs?.slice(start, start + CHUNK),
      maxLength,
    });
    cut += tokenized.cut;
    const scores = await namingRows(
      inputs,
      () =>
        ofMembers(
          classifier,
          options,
          () => scoresOf(model, tokenized, { ...options, advance }),
        ),
      start,
    );
    const lines = predictionLines(config, scores, {
      isSampled,
      measure: ranking?.field,
      threshold,
    }).map((line, i) => ({ ...inputs.lineOf(start + i), ...line }));
    if (ranking && top) {
      for (const line of lines) top.offer(ranking.scoreOf(line), line);
    } else yield* lines;
  }
  for (const [i, { item }] of (top?.ranked() ?? []).entries()) {
    yield { rank: i + 1, ...item };
  }
  const remark = cutRemark({ cut, rows: texts.length, path, maxLength });
  if (remark !== undefined) progress.say(remark);
}
