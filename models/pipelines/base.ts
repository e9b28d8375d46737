// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What the pipelines of all tasks have in common.
 *
 * @module
 */

import type { PretrainedConfig } from "../config.ts";
import type { PreTrainedModel } from "../pretrained.ts";
import type { EncodeOptions, Tokenizer } from "../tokenizer/mod.ts";
import type { SampledPosterior } from "./posterior.ts";
import type { SentenceModules } from "./sentence_modules.ts";

/** A model of any kind. */
export type AnyModel = PreTrainedModel<PretrainedConfig>;

/**
 * A model with its tokenizer, as a function that is called with texts. The type
 * of each task says what the function takes and what it returns.
 */
export interface Pipeline<M extends AnyModel = AnyModel> extends Disposable {
  /** The task, as it was asked for. */
  readonly task: string;
  /** The model. */
  readonly model: M;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /**
   * Frees the memory of what was loaded for the pipeline. A model that was
   * passed to it stays.
   */
  dispose(): void;
}

/** Options of every call. */
export interface CallOptions {
  /**
   * The number of rows that the model computes at a time.
   *
   * @default {the pipeline's own}
   */
  batchSize?: number | undefined;
}

/** Options of calls whose texts may be too long for the model. */
export interface TruncatedOptions extends CallOptions {
  /**
   * Whether the end of a text that is too long is dropped. Without it, a text
   * that is too long is an error.
   *
   * @default {true where `maxLength` is given, else false}
   */
  truncation?: boolean | EncodeOptions["truncation"] | undefined;
  /**
   * The most tokens a row may have.
   *
   * @default {as many as the model supports}
   */
  maxLength?: number | undefined;
}

/** What the pipeline of a task is made from. */
export interface PipelineSetup<M extends AnyModel> {
  /** The task, as it was asked for. */
  readonly task: string;
  /** The model. */
  readonly model: M;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The number of rows at a time, unless a call says otherwise. */
  readonly batchSize: number;
  /** Samples of the weights to average over. @default {none} */
  readonly sampled?: SampledPosterior | undefined;
  /** How the model's sentences are embedded. @default {by the mean} */
  readonly modules?: SentenceModules | undefined;
  /** Frees what belongs to the pipeline. */
  readonly release: () => void;
}

/**
 * Gives a function the properties of a pipeline. What a call returns depends on
 * its arguments, as only the type of the pipeline says, to which the function is
 * cast.
 */
export function makePipeline<M extends AnyModel, Call extends object>(
  { task, model, tokenizer, release }: PipelineSetup<M>,
  call: Call,
): Call & Pipeline<M> {
  model.eval();
  return Object.assign(call, {
    task,
    model,
    tokenizer,
    dispose: release,
    [Symbol.dispose]: release,
  });
}
