// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What the pipelines of all tasks have in common.
 *
 * @module
 */

import type { PretrainedConfig } from "../config.ts";
import type { PreTrainedModel } from "../pretrained.ts";
import type { EncodeOptions, Tokenizer } from "../tokenizer/tokenizer.ts";
import type { SampledPosterior } from "./posterior.ts";

/** A model of any kind. */
export type AnyModel = PreTrainedModel<PretrainedConfig>;

/**
 * A model with its tokenizer, which is called with texts. Each task's own type
 * says with which, and what it gives.
 */
export interface Pipeline<M extends AnyModel = AnyModel> extends Disposable {
  /** The task, as it was asked for. */
  readonly task: string;
  /** The model. */
  readonly model: M;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Frees the model's memory, unless the model was handed to the pipeline. */
  dispose(): void;
}

/** Options of every call. */
export interface CallOptions {
  /** Rows that the model sees at a time. @default {the pipeline's own} */
  batchSize?: number | undefined;
}

/** Options of calls whose texts may be too long for the model. */
export interface TruncatedOptions extends CallOptions {
  /**
   * Whether a longer text loses its end. Otherwise the model refuses it.
   *
   * @default {true where `maxLength` is given, else false}
   */
  truncation?: boolean | EncodeOptions["truncation"] | undefined;
  /** Tokens that a row may have. @default {as many as the model takes} */
  maxLength?: number | undefined;
}

/** What a task makes its pipeline of. */
export interface PipelineSetup<M extends AnyModel> {
  /** The task, as it was asked for. */
  readonly task: string;
  /** The model. */
  readonly model: M;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Rows at a time, unless a call says otherwise. */
  readonly batchSize: number;
  /** Whether the model goes with the pipeline. */
  readonly owned: boolean;
  /** Samples of the weights to average over. @default {none} */
  readonly sampled?: SampledPosterior | undefined;
}

/** A token with its label. */
export interface TokenLabel {
  /** The label, as the model's configuration names it. */
  entity: string;
  /** Its probability; with a posterior the mean among the samples. */
  score: number;
  /** Where the token stands in the row. */
  index: number;
  /** The token, as the vocabulary spells it. */
  word: string;
  /** Where it begins in the text. */
  start: number;
  /** Where it ends, exclusively. */
  end: number;
}

/** Tokens next to each other with the same label. */
export interface EntityGroup {
  /** The label without its `B-` or `I-`. */
  entityGroup: string;
  /** The mean of the probabilities. */
  score: number;
  /** The tokens as text. */
  word: string;
  /** Where the first begins in the text. */
  start: number;
  /** Where the last ends, exclusively. */
  end: number;
}

/**
 * How tokens become entities: not at all (`"none"`); neighbours of the same
 * label (`"simple"`); or neighbouring words of the same label, where a word has
 * the label of its first token (`"first"`), of the token that is surest
 * (`"max"`), or of the mean probabilities (`"average"`).
 */
export type AggregationStrategy =
  | "none"
  | "simple"
  | "first"
  | "average"
  | "max";
