// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures what a model with an encoder and a decoder says: how probable it holds the
 * true texts, and how good the texts are that it writes.
 *
 * @module
 */

import {
  corpusBleu,
  corpusChrf,
  perplexity,
  rougeScore,
} from "../../nn/metrics/mod.ts";
import type { WritingRow } from "./source_target_rows.ts";
import type { ScoreColumns } from "./task.ts";
import { logMeans } from "./token_scores.ts";
import type { WritingTask } from "./written_texts.ts";
import type { WritingOutputs } from "./writing_outputs.ts";

/**
 * Measures outputs: the likelihood of each token of the targets, their ends included,
 * by its mean probability over members; and the written texts, if there are any.
 */
export function writingScores(
  task: WritingTask,
  members: readonly WritingOutputs[],
  rows: readonly WritingRow[],
): Record<string, number> {
  const logarithms = rows.flatMap((_, i) => [
    ...logMeans(members.map((own) => own.logProbabilities[i] ?? [])),
  ]);
  const found = perplexity(logarithms);
  const texts = members.length === 1 ? members[0]?.texts : undefined;
  const references = rows.map(({ target }) => target);
  return {
    nll: Math.log(found),
    perplexity: found,
    ...texts ? textScores(task, texts, references) : {},
  };
}

/**
 * Scores of written texts, all but `exact_match` from 0 to 100: BLEU of translations,
 * ROUGE F-scores of summaries (of stemmed English words, the mean over texts), chrF,
 * and the share of texts that are the target exactly.
 */
function textScores(
  task: WritingTask,
  texts: readonly string[],
  references: readonly string[],
): Record<string, number> {
  const exact = texts.filter((text, i) =>
    text.trim() === references[i]?.trim()
  );
  return {
    ...task === "translation"
      ? { bleu: corpusBleu(texts, references).score }
      : rougeScores(texts, references),
    chrf: corpusChrf(texts, references),
    exact_match: exact.length / texts.length,
  };
}

/** How a table shows these scores: those up to 100 have two decimals. */
export const WRITING_COLUMNS: ScoreColumns = {
  bleu: { head: "BLEU", decimals: 2 },
  rouge1: { head: "ROUGE-1", decimals: 2 },
  rouge2: { head: "ROUGE-2", decimals: 2 },
  rougeL: { head: "ROUGE-L", decimals: 2 },
  chrf: { head: "chrF", decimals: 2 },
  exact_match: { head: "exact match" },
};

const ROUGE_TYPES = ["rouge1", "rouge2", "rougeL"] as const;

function rougeScores(
  texts: readonly string[],
  references: readonly string[],
): Record<string, number> {
  const scores = { rouge1: 0, rouge2: 0, rougeL: 0 };
  texts.forEach((text, i) => {
    const found = rougeScore(text, references[i] ?? "", {
      rougeTypes: ROUGE_TYPES,
      useStemmer: true,
    });
    for (const type of ROUGE_TYPES) {
      scores[type] += 100 * (found[type]?.fmeasure ?? NaN) / texts.length;
    }
  });
  return scores;
}
