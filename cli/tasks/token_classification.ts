// Copyright 2026 the swagpu authors. MIT license.

/**
 * The task of tagging the words of texts, such as naming entities or parts of speech.
 *
 * @module
 */

import {
  AutoModelForTokenClassification,
  DataCollatorForTokenClassification,
} from "../../models/mod.ts";
import { namesOf } from "../labels.ts";
import { columnNotes, noteFields } from "../notes.ts";
import type { Task } from "./task.ts";
import {
  readTagged,
  TAGGED_COLUMNS,
  TAGGED_OPTIONS,
  type TaggedExample,
} from "./token_examples.ts";
import { tagOutputs, type TokenModel } from "./token_outputs.ts";
import { ENTITY_OPTIONS, predictTags } from "./token_predictions.ts";
import { tagFields, type TaggedRow, taggedRows } from "./token_rows.ts";
import { schemeOf, tagScores } from "./tag_scores.ts";
import { f1Head } from "./text_scores.ts";

/**
 * Tagging the words of texts. The first token of a word has its tag, in training and in
 * measuring; with `--label-all-tokens` all tokens learn it. Over samples of the weights,
 * the probabilities of tags are averaged.
 *
 * The outputs are the scores of all words that have a tag, row by row,
 * `[words, tags]`.
 */
export const tokenClassification: Task<
  TaggedExample,
  TaggedRow,
  Float32Array<ArrayBuffer>,
  TokenModel
> = {
  name: "token-classification",
  summary: "a tag for each word, such as names of entities or parts of speech",
  models: /ForTokenClassification$/,
  auto: AutoModelForTokenClassification,
  // The byte-level tokenizers of RoBERTa cannot read lists of words without it.
  tokenizerOptions: { addPrefixSpace: true },
  head: ["classifier"],
  metric: "f1",
  constantScore: (_rows, metric) => metric === "f1" ? 0 : undefined,
  greaterIsBetter: true,
  dataOptions: TAGGED_OPTIONS,
  trainOptions: [
    {
      name: "label-all-tokens",
      help:
        "Learn the tag of a word from all of its tokens (only the first). " +
        "The second and others of B-X then learn I-X.",
    },
  ],
  scoreOptions: [],
  predictOptions: ENTITY_OPTIONS,

  read: readTagged,

  configFields: (data, { args, config }) => ({
    ...tagFields(data, config),
    ...noteFields(columnNotes(TAGGED_COLUMNS, args)),
  }),

  prepare: (data, { args, isTraining, ...context }) =>
    taggedRows(data, {
      ...context,
      labelAllTokens: isTraining && args.flag("label-all-tokens"),
    }),

  collator({ model, tokenizer, maxLength }) {
    const collator = new DataCollatorForTokenClassification(tokenizer, {
      padding: "bucketed",
      maxLength,
      paddingSide: "right",
      usesPacking: model.usesPacking,
    });
    return (rows) => collator.collate(rows);
  },

  outputs: tagOutputs,

  scores: (members, rows, { config }) =>
    tagScores(members, rows, namesOf(config)),

  columns: (config) =>
    schemeOf(namesOf(config)) ? {} : { f1: { head: f1Head(undefined) } },

  predict: predictTags,
};
