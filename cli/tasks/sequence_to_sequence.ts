// Copyright 2026 the swagpu authors. MIT license.

/**
 * The tasks of writing a text from a text, translation and summarization. They differ
 * in the scores of written texts, and in the parameters that a model's files may have
 * for each.
 *
 * @module
 */

import {
  AutoModelForSeq2SeqLM,
  DataCollatorForSeq2Seq,
  type PretrainedConfig,
} from "../../models/mod.ts";
import {
  corpusBleu,
  corpusChrf,
  perplexity,
  rougeScore,
} from "../../nn/metrics/mod.ts";
import { KEY } from "../columns.ts";
import { INPUT_OPTIONS } from "./prediction_inputs.ts";
import {
  maxTargetLength,
  readWriting,
  SOURCE_OPTION,
  TARGET_OPTION,
  WRITING_DATA_OPTIONS,
  writingColumnFields,
  type WritingExample,
  type WritingRow,
  writingRows,
} from "./source_target_rows.ts";
import type { Task } from "./task.ts";
import { logMeans } from "./token_scores.ts";
import { writeLines } from "./write_lines.ts";
import {
  MORE_WRITING_OPTIONS,
  WRITING_OPTIONS,
  type WritingModel,
  type WritingTask,
} from "./written_texts.ts";
import { type WritingOutputs, writingOutputs } from "./writing_outputs.ts";
import { prefixFields, prefixOf } from "./writing_prefix.ts";

/** A task of writing a text from a text. */
export type SequenceToSequenceTask = Task<
  WritingExample,
  WritingRow,
  WritingOutputs,
  WritingModel
>;

/** Translates texts. */
export const translation: SequenceToSequenceTask = writingTask(
  "translation",
  "translate, or otherwise turn texts into texts",
);

/** Summarizes texts. */
export const summarization: SequenceToSequenceTask = writingTask(
  "summarization",
  "summarize texts",
);

function writingTask(
  name: WritingTask,
  summary: string,
): SequenceToSequenceTask {
  return {
    name,
    summary,
    models: /(ForConditionalGeneration|MTModel)$/,
    auto: AutoModelForSeq2SeqLM,
    head: [],
    metric: "nll",
    greaterIsBetter: false,
    dataOptions: WRITING_DATA_OPTIONS,
    trainOptions: [
      {
        name: "source-prefix",
        value: "TEXT",
        help:
          'Put before every source, such as "summarize: ", also later when ' +
          "the model is used (the model's, else nothing).",
      },
    ],
    scoreOptions: [
      ...WRITING_OPTIONS,
      {
        name: "no-generate",
        help:
          "Measure the probability of the targets alone, and write no texts.",
      },
    ],
    predictOptions: [
      SOURCE_OPTION,
      {
        ...TARGET_OPTION,
        help:
          "Column of what is right, written as gold if the file has it (target).",
      },
      ...INPUT_OPTIONS,
      ...WRITING_OPTIONS,
      ...MORE_WRITING_OPTIONS,
    ],

    read: readWriting,

    configFields(_, { args, config }) {
      checkWriter(config);
      const prefix = args.text("source-prefix");
      return {
        ...prefix === undefined ? {} : prefixFields(config, name, prefix),
        [KEY]: { task: name, ...writingColumnFields(args, config) },
      };
    },

    prepare: (data, context) =>
      writingRows(data, prefixOf(context.config, name), context),

    collator({ args, model, tokenizer, maxLength }) {
      const collator = new DataCollatorForSeq2Seq(tokenizer, {
        padding: "bucketed",
        paddingSide: "right",
        maxLength,
        maxTargetLength: maxTargetLength(args, model.config, maxLength),
        usesPacking: model.usesPacking,
      });
      return (rows) => collator.collate(rows);
    },

    outputs: (rows, options) => writingOutputs(rows, name, options),

    scores(members, rows) {
      const logarithms = rows.flatMap((_, i) => [
        ...logMeans(members.map((own) => own.logProbabilities[i] ?? [])),
      ]);
      const found = perplexity(logarithms);
      const [first] = members;
      const texts = members.length === 1 ? first?.texts : undefined;
      const references = rows.map(({ target }) => target);
      return {
        nll: Math.log(found),
        perplexity: found,
        ...texts ? textScores(name, texts, references) : {},
      };
    },

    predict: (loaded, context) => writeLines(loaded, name, context),
  };
}

/**
 * Checks that a model can learn to write: it needs tokens to begin and to end with.
 *
 * @throws {TypeError} If it has none.
 */
function checkWriter(config: PretrainedConfig): void {
  const fields = {
    pad_token_id: config.padTokenId,
    eos_token_id: config.eosTokenId,
    decoder_start_token_id: config.decoderStartTokenId,
  };
  const [lacking] = Object.entries(fields).find(([, id]) => id === null) ?? [];
  if (lacking === undefined) return;
  throw new TypeError(
    `Cannot train a model of type "${config.modelType}" to write: its ` +
      `configuration has no ${lacking}; give it in the file`,
  );
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
