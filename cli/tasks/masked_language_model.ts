// Copyright 2026 the swagpu authors. MIT license.

/**
 * The task of guessing hidden words: pre-training of encoders on plain text, from
 * random weights or from those of another training.
 *
 * A model is measured by the tokens that are hidden from it, or by pairs of sentences:
 * whether it holds the better one to be more probable. The probability of a sentence
 * is judged by its pseudo-log-likelihood, the sum of the logarithms of each token's
 * probability given all other tokens (Salazar, Liang, Nguyen and Kirchhoff, "Masked
 * Language Model Scoring", 2020). Pairs such as those of BLiMP (Warstadt et al., 2020)
 * differ in one point of grammar.
 *
 * @module
 */

import { AutoModelForMaskedLM } from "../../models/mod.ts";
import { perplexity } from "../../nn/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { namedColumn, TEXT_COLUMN_OPTION } from "../columns.ts";
import {
  formatAmong,
  readInput,
  refuseColumns,
  refuseIdle,
  SAMPLE_OPTION,
  SKIP_ROWS_OPTION,
  TASK_FILE_OPTIONS,
  TEXT_FORMATS,
} from "../input_files.ts";
import { columnNotes, noteFields } from "../notes.ts";
import { usableRows } from "../table_columns.ts";
import { fillMasks } from "./fill_masks.ts";
import { MaskingCollator } from "./masked_collator.ts";
import { type MaskedModel, maskedOutputs } from "./masked_outputs.ts";
import {
  type MaskedExample,
  type MaskedRow,
  pairColumns,
  type PairExample,
  pairExamples,
  pairRows,
  type PlainExample,
  plainExamples,
  plainRows,
} from "./masked_rows.ts";
import { INPUT_FILE_OPTIONS, TEXT_OPTION } from "./prediction_inputs.ts";
import type { Task, TaskExamples } from "./task.ts";
import { countCorrect, logMeans, type TokenScores } from "./token_scores.ts";

const DATA_OPTIONS: readonly Option[] = [
  TEXT_COLUMN_OPTION,
  {
    name: "pairs",
    value: "GOOD,BAD",
    help: "Columns of pairs of sentences to measure on, the better one first " +
      "(sentence_good,sentence_bad if the file has them).",
  },
  SAMPLE_OPTION,
  {
    name: "line-by-line",
    help: "Make each text a row, instead of cutting all texts, one after the " +
      "other, into blocks.",
  },
  {
    name: "block-size",
    value: "N",
    help:
      "Tokens of a block (as --max-length). The last ones that fill no block " +
      "are left out.",
  },
  {
    name: "mlm-probability",
    value: "X",
    help: "Share of tokens that are hidden (0.15).",
  },
  { name: "whole-word-mask", help: "Hide words as a whole, not word pieces." },
  SKIP_ROWS_OPTION,
  ...TASK_FILE_OPTIONS,
];

/** The task of guessing hidden words. */
export const maskedLanguageModel: Task<
  MaskedExample,
  MaskedRow,
  readonly TokenScores[],
  MaskedModel
> = {
  name: "fill-mask",
  summary: "guess hidden words of plain text",
  models: /ForMaskedLM$/,
  auto: AutoModelForMaskedLM,
  head: [],
  metric: "nll",
  greaterIsBetter: false,
  dataOptions: DATA_OPTIONS,
  trainOptions: [],
  scoreOptions: [],
  predictOptions: [
    TEXT_OPTION,
    TEXT_COLUMN_OPTION,
    ...INPUT_FILE_OPTIONS,
    { name: "top-k", value: "N", help: "Fillings of each mask (5)." },
  ],

  async read(option, context) {
    const { args } = context;
    const path = args.needed(option);
    const format = formatAmong(path, { args, formats: TEXT_FORMATS });
    const measures = option === measuredFile(args);
    // Options that do not fit --eval may be meant for --data.
    if (option === "data" && format === "txt") {
      const columns = ["text-column", "columns", "field"];
      refuseColumns(args, path, measures ? ["pairs", ...columns] : columns);
    }
    const table = await readInput(args, option, format);
    const pairs = measures ? pairColumns(table, args) : undefined;
    if (pairs) {
      if (option === "data") refuseMasking(args, path);
      const usable = usableRows(table, pairs, context);
      return { path: table.path, examples: pairExamples(usable, pairs) };
    }
    const column = format === "txt"
      ? "text"
      : namedColumn(table, "text", context);
    const usable = usableRows(table, [column], context);
    return { path: table.path, examples: plainExamples(usable, column) };
  },

  configFields: (_, { args }) => noteFields(columnNotes(["text"], args)),

  prepare(data, context) {
    const { args, tokenizer, maxLength } = context;
    // What is wrong with the options or the tokenizer should be known at once.
    new MaskingCollator(tokenizer, { args, maxLength, isTraining: false });
    return isOfPairs(data)
      ? pairRows(data, context)
      : plainRows(data as TaskExamples<PlainExample>, context);
  },

  collator({ args, model, tokenizer, maxLength, epoch }) {
    const collator = new MaskingCollator(tokenizer, {
      args,
      model,
      maxLength,
      isTraining: true,
    });
    return (rows) => {
      const texts = rows.filter((row) => row.kind === "text");
      if (texts.length === rows.length) return collator.collate(texts, epoch());
      throw new TypeError("Cannot train on pairs of sentences");
    };
  },

  outputs: maskedOutputs,

  scores(members, rows) {
    return rows.some(({ kind }) => kind === "pair")
      ? pairScores(members, rows)
      : textScores(members);
  },

  predict: fillMasks,
};

/** The option of the file that a model is measured on, whose rows may be pairs. */
function measuredFile(args: Arguments): "data" | "eval" {
  return args.text("eval") === undefined ? "data" : "eval";
}

/**
 * Refuses options of hiding tokens where there are pairs of sentences alone, because
 * each of their tokens is hidden in turn.
 *
 * @throws {TypeError} If such an option is given.
 */
function refuseMasking(args: Arguments, path: string): void {
  const names = [
    "line-by-line",
    "block-size",
    "mlm-probability",
    "whole-word-mask",
  ];
  refuseIdle(args, names, {
    beside: path,
    reason:
      "its rows are pairs of sentences, of which each token is hidden in " +
      "turn",
  });
}

function isOfPairs(
  data: TaskExamples<MaskedExample>,
): data is TaskExamples<PairExample> {
  return data.examples.some((example) => "good" in example);
}

/** Measures hidden tokens. */
function textScores(
  members: readonly (readonly TokenScores[])[],
): Record<string, number> {
  const [first = []] = members;
  const logarithms: number[] = [];
  let correct = 0;
  first.forEach((_, row) => {
    const own = members.flatMap((member) => member[row] ?? []);
    logarithms.push(...logMeans(own.map((one) => one.logProbabilities)));
    correct += countCorrect(own);
  });
  if (logarithms.length === 0) {
    throw new RangeError(
      "Cannot measure the model: no token is hidden; raise --mlm-probability, or " +
        "give more texts",
    );
  }
  return {
    ...likelihood(logarithms),
    accuracy: correct / logarithms.length,
  };
}

/**
 * Measures pairs: the share of them whose better sentence has the greater
 * pseudo-log-likelihood, and the likelihood of the better sentences' tokens.
 */
function pairScores(
  members: readonly (readonly TokenScores[])[],
  rows: readonly MaskedRow[],
): Record<string, number> {
  const logarithms: number[] = [];
  let correct = 0;
  rows.forEach((row, i) => {
    if (row.kind !== "pair") return;
    const own = members.flatMap((member) => member[i] ?? []);
    const all = logMeans(own.map((one) => one.logProbabilities));
    const good = all.subarray(0, row.good.hidden.length);
    const bad = all.subarray(row.good.hidden.length);
    if (sum(good) > sum(bad)) correct++;
    logarithms.push(...good);
  });
  return { ...likelihood(logarithms), accuracy: correct / rows.length };
}

function likelihood(logarithms: readonly number[]): Record<string, number> {
  const found = perplexity(logarithms);
  return { nll: Math.log(found), perplexity: found };
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] ?? NaN;
  return total;
}
