// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns the texts and labels of a file into what a model reads: tokens, and class
 * ids or numbers.
 *
 * @module
 */

import type { RowSource } from "../data/mod.ts";
import { count, counted } from "../data/names.ts";
import type { PretrainedConfig, Tokenizer } from "../models/mod.ts";
import { isRegression } from "./classifier.ts";
import { classIds, namesOf, numbersOf } from "./labels.ts";
import type { Progress } from "./progress.ts";
import { emptyRemark, type RawExamples } from "./read_examples.ts";
import { TokenizedTexts } from "./tokenized_texts.ts";

/** Texts with their labels, as a model reads them. */
export interface Examples {
  /** The texts. */
  texts: TokenizedTexts;
  /** The ids of the classes, or the numbers of a regression. */
  labels: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** The file that they come from. */
  source: RowSource;
}

/** What is needed to prepare examples for a model. */
export interface Preparation {
  /** Names the classes. */
  config: PretrainedConfig;
  /** Splits texts into tokens. */
  tokenizer: Tokenizer;
  /** The most tokens of a row. */
  maxLength: number;
  /** Where progress and remarks are shown. */
  progress: Progress;
}

/** Tokenizes texts, and finds the ids or numbers of their labels. */
export function prepareExamples(
  raw: RawExamples,
  { config, tokenizer, maxLength, progress }: Preparation,
): Examples {
  const { path, texts, pairs } = raw;
  const labels = isRegression(config)
    ? numbersOf(raw.labels, raw)
    : classIds(raw.labels, namesOf(config), raw);
  const empty = emptyRemark(raw);
  if (empty !== undefined) progress.say(empty);
  using stage = progress.stage("tokenizing", texts.length, "texts");
  const advance = (more: number) => stage.advance(more);
  const tokenized = new TokenizedTexts(tokenizer, texts, {
    pairs,
    maxLength,
    advance,
  });
  const { cut } = tokenized;
  const remark = cutRemark({ cut, rows: texts.length, path, maxLength });
  if (remark !== undefined) progress.say(remark);
  return { source: raw, labels, texts: tokenized };
}

/** Says how many rows of a file were longer than they may be, and were cut. */
export function cutRemark(
  { cut, rows, path, maxLength }: {
    cut: number;
    rows: number;
    path: string;
    maxLength: number;
  },
): string | undefined {
  return cut === 0
    ? undefined
    : `${count(cut)} of ${counted(rows, "row")} of ${path} cut to ` +
      `${maxLength} tokens`;
}
