// Copyright 2026 the swagpu authors. MIT license.

/**
 * Labels texts: what is predicted for each, in the order of the file or ranked.
 *
 * @module
 */

import type { Option } from "../arguments.ts";
import { scoresOf, type TextModel } from "../classifier.ts";
import {
  checkPosterior,
  checkRankable,
  RANK_OPTIONS,
  rankingOf,
} from "../label_next.ts";
import { scoreOptions } from "../model_options.ts";
import { namingRows } from "../not_finite.ts";
import { ofMembers, samplesOf } from "../posterior.ts";
import { type Line, predictionLines } from "../prediction_lines.ts";
import { cutRemark, TokenizedTexts } from "../tokenized_texts.ts";
import { TopRows } from "../top_rows.ts";
import type { PredictContext } from "./task.ts";
import { LABELING_OPTIONS, labelingInputs } from "./labeling_inputs.ts";
import { THRESHOLD_OPTION, thresholdOf } from "./threshold.ts";

/** How many texts are tokenized, scored and written at a time. */
const CHUNK = 4096;

/** The options of predicting, beside those of every model. */
export const PREDICT_OPTIONS: readonly Option[] = [
  ...LABELING_OPTIONS,
  ...RANK_OPTIONS,
  THRESHOLD_OPTION,
];

/** Reads and labels texts, a chunk at a time, and gives the line of each. */
export async function* predictLabels(
  context: PredictContext<TextModel>,
): AsyncGenerator<Line> {
  const { args, progress, config } = context;
  const options = scoreOptions(args);
  const ranking = rankingOf(args, options);
  checkRankable(ranking, config);
  const threshold = thresholdOf(args, config);
  const inputs = await labelingInputs(config, context);
  const classifier = await context.load();
  checkPosterior(ranking, classifier);
  const { model, tokenizer, maxLength } = classifier;
  const { texts, pairs, path } = inputs;
  const samples = samplesOf(classifier, options);
  const isSampled = samples > 0;
  const passes = isSampled ? samples : 1;
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
