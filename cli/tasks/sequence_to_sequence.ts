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
import type { Arguments, Option } from "../arguments.ts";
import { refuseIdle } from "../input_files.ts";
import { columnNotes, noteFields } from "../notes.ts";
import { INPUT_FILE_OPTIONS, TEXT_OPTION } from "./prediction_inputs.ts";
import {
  maxTargetLength,
  readWriting,
  SOURCE_OPTION,
  TARGET_OPTION,
  WRITING_DATA_OPTIONS,
  type WritingExample,
  type WritingRow,
  writingRows,
} from "./source_target_rows.ts";
import type { Task } from "./task.ts";
import { writeLines } from "./write_lines.ts";
import { WRITING_COLUMNS, writingScores } from "./written_scores.ts";
import {
  MORE_WRITING_OPTIONS,
  WRITING_OPTIONS,
  type WritingModel,
  writingOptions,
  type WritingTask,
} from "./written_texts.ts";
import { type WritingOutputs, writingOutputs } from "./writing_outputs.ts";
import { prefixFields, prefixOf } from "./writing_prefix.ts";

const TRAIN_OPTIONS: readonly Option[] = [
  {
    name: "source-prefix",
    value: "TEXT",
    help: 'Put before every source, such as "summarize: ", also later when ' +
      "the model is used (the model's, else nothing).",
  },
];

const SCORE_OPTIONS: readonly Option[] = [
  ...WRITING_OPTIONS,
  {
    name: "no-generate",
    help: "Measure the probability of the targets alone, and write no texts.",
  },
];

const PREDICT_OPTIONS: readonly Option[] = [
  TEXT_OPTION,
  SOURCE_OPTION,
  {
    ...TARGET_OPTION,
    help:
      "Column of what is right, written as gold if the file has it (target).",
  },
  ...INPUT_FILE_OPTIONS,
  ...WRITING_OPTIONS,
  ...MORE_WRITING_OPTIONS,
];

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
    trainOptions: TRAIN_OPTIONS,
    scoreOptions: SCORE_OPTIONS,
    predictOptions: PREDICT_OPTIONS,

    read: readWriting,

    configFields(_, { args, config }) {
      checkWriter(config);
      const prefix = args.text("source-prefix");
      return {
        ...prefix === undefined ? {} : prefixFields(config, name, prefix),
        ...noteFields(columnNotes(["source", "target"], args)),
      };
    },

    prepare(data, context) {
      checkScoreOptions(context.args, context.config);
      return writingRows(data, prefixOf(context.config, name), context);
    },

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

    scores: (members, rows) => writingScores(name, members, rows),

    columns: () => WRITING_COLUMNS,

    predict: (context) => writeLines(name, context),
  };
}

/**
 * Checks the options of measuring, before a training that may take long.
 *
 * @throws {TypeError} If options of writing are given with `--no-generate`.
 * @throws {RangeError} If a number is out of range.
 */
function checkScoreOptions(args: Arguments, config: PretrainedConfig): void {
  writingOptions(args, config);
  if (!args.flag("no-generate")) return;
  refuseIdle(args, WRITING_OPTIONS.map(({ name }) => name), {
    beside: "--no-generate",
    reason: "no text is written then",
  });
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
