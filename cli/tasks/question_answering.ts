// Copyright 2026 the swagpu authors. MIT license.

/**
 * The task of finding the answers to questions in texts.
 *
 * @module
 */

import {
  AutoModelForQuestionAnswering,
  DataCollatorForQuestionAnswering,
} from "../../models/mod.ts";
import { columnNotes, noteFields } from "../notes.ts";
import {
  ANSWERED_OPTIONS,
  type AskedExample,
  QUESTION_COLUMNS,
  readAsked,
} from "./question_examples.ts";
import {
  type AnswerModel,
  answerOutputs,
  type WindowOutput,
} from "./question_outputs.ts";
import {
  PREDICT_ANSWER_OPTIONS,
  predictAnswers,
  STRIDE_OPTION,
} from "./question_predictions.ts";
import { type WindowRow, windowRows } from "./question_rows.ts";
import {
  ANSWER_COLUMNS,
  ANSWER_OPTIONS,
  answerScores,
  checkThreshold,
} from "./question_scores.ts";
import type { Task } from "./task.ts";

/**
 * Finding answers in texts, as transformers' question answering script does. A text
 * that is too long is read in windows, each of which is a row. In a window without the
 * answer, and for a question that has none, the model learns to point at the first
 * token.
 *
 * Over samples of the weights, the probabilities of first and last tokens are averaged
 * window by window; see {@linkcode averageOutputs}.
 */
export const questionAnswering: Task<
  AskedExample,
  WindowRow,
  readonly WindowOutput[],
  AnswerModel
> = {
  name: "question-answering",
  summary: "the part of a text that answers a question",
  models: /ForQuestionAnswering$/,
  auto: AutoModelForQuestionAnswering,
  // The head has two scores in any case, but that of a classifier may have others.
  head: ["qa_outputs", "classifier"],
  metric: "f1",
  greaterIsBetter: true,
  dataOptions: [...ANSWERED_OPTIONS, STRIDE_OPTION],
  trainOptions: [],
  scoreOptions: [
    ...ANSWER_OPTIONS,
    {
      name: "unanswerable",
      help: "Measure as SQuAD 2 does, and allow no answer, although every " +
        "question of the file has one (by the file).",
    },
    {
      name: "n-best",
      value: "N",
      help:
        "Answers that are ranked, and first and last tokens that are tried " +
        "(20).",
    },
  ],
  predictOptions: PREDICT_ANSWER_OPTIONS,

  read: readAsked,

  stratum: ({ answers }) => answers.length > 0,

  configFields: ({ examples }, { args }) => ({
    num_labels: 2,
    id2label: { 0: "LABEL_0", 1: "LABEL_1" },
    label2id: { LABEL_0: 0, LABEL_1: 1 },
    ...noteFields({
      ...columnNotes(QUESTION_COLUMNS, args),
      unanswerable: args.flag("unanswerable") ||
        examples.some(({ answers }) => answers.length === 0),
    }),
  }),

  prepare(data, { args, isTraining, tokenizer, maxLength, progress }) {
    if (!isTraining) checkThreshold(data.examples, args);
    const docStride = args.integer("doc-stride", { min: 0 });
    const options = { tokenizer, maxLength, docStride, isTraining, progress };
    return windowRows(data, options);
  },

  collator({ tokenizer, maxLength }) {
    // Packed batches would have another loss, which leaves padding out.
    const collator = new DataCollatorForQuestionAnswering(tokenizer, {
      padding: "bucketed",
      maxLength,
      paddingSide: "right",
    });
    return (rows) => collator.collate(rows);
  },

  outputs: answerOutputs,

  scores: (members, rows, { args }) => answerScores(members, rows, args),

  columns: () => ANSWER_COLUMNS,

  predict: predictAnswers,
};
