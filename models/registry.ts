// Copyright 2026 the swagpu authors. MIT license.

/**
 * Which architectures there are, and what each can do. Another one joins with
 * one call of {@linkcode registerArchitecture}.
 *
 * @module
 */

import type { AnyTensor } from "../engine/mod.ts";
import type { PretrainedConfig } from "./config.ts";
import type {
  CausalLMInputs,
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabelledInputs,
  LabelledSeq2SeqInputs,
  QuestionInputs,
  QuestionOutput,
  Seq2SeqHeadOutput,
} from "./io.ts";
import type {
  ConfigClass,
  PretrainedClass,
  PreTrainedModel,
} from "./pretrained.ts";

/** A model of any architecture that takes `I` and gives `O`. */
export type TaskModel<I, O> = PreTrainedModel<PretrainedConfig> & {
  forward(inputs: I): O;
};

/** What each task takes and gives. */
export interface Tasks {
  /** The model without a head. */
  base: TaskModel<EncoderInputs, EncoderOutput>;
  /** Filling masked tokens. */
  maskedLM: TaskModel<LabelledInputs, HeadOutput>;
  /** Continuing texts. */
  causalLM: TaskModel<CausalLMInputs, HeadOutput>;
  /** Turning texts into other texts. */
  seq2SeqLM: TaskModel<LabelledSeq2SeqInputs, Seq2SeqHeadOutput>;
  /** Classifying texts, or predicting numbers. */
  sequenceClassification: TaskModel<LabelledInputs<AnyTensor>, HeadOutput>;
  /** Labelling tokens. */
  tokenClassification: TaskModel<LabelledInputs, HeadOutput>;
  /** Finding answers in texts. */
  questionAnswering: TaskModel<QuestionInputs, QuestionOutput>;
  /** Choosing between answers. */
  multipleChoice: TaskModel<LabelledInputs, HeadOutput>;
}

/** An architecture: its configuration, and its model for each task it has. */
export interface Architecture {
  /** The class of the configuration. */
  config: ConfigClass<PretrainedConfig>;
  /** The class for each task. */
  models: { readonly [T in keyof Tasks]?: PretrainedClass<Tasks[T]> };
}

/** Options of {@linkcode registerArchitecture}. */
export interface RegisterOptions {
  /** Whether an architecture of the same name gives way. @default {false} */
  replace?: boolean;
}

const architectures = new Map<string, Architecture>();

/**
 * Adds an architecture to those that the `Auto…` classes, pipelines and the
 * command line know.
 *
 * @param modelType What configurations call it, in `model_type`.
 * @param architecture Its classes.
 * @param options What to do where the name is taken.
 * @throws {RangeError} If there is one of that name already.
 *
 * @example A variant of BERT under a name of its own
 * ```ts
 * import {
 *   AutoConfig,
 *   BertConfig,
 *   BertForSequenceClassification,
 *   registerArchitecture,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * registerArchitecture("biobert", {
 *   config: BertConfig,
 *   models: { sequenceClassification: BertForSequenceClassification },
 * });
 * const config = AutoConfig.fromFields({ model_type: "biobert" });
 * assertEquals(config.modelType, "biobert");
 * ```
 */
export function registerArchitecture(
  modelType: string,
  architecture: Architecture,
  options: RegisterOptions = {},
): void {
  const { replace = false } = options;
  if (architectures.has(modelType) && !replace) {
    throw new RangeError(
      `Cannot register "${modelType}": there is one already, ` +
        "set replace to take its place",
    );
  }
  architectures.set(modelType, architecture);
}

/** The names of all architectures. */
export function modelTypes(): string[] {
  return [...architectures.keys()];
}

/**
 * Finds the architecture that a configuration names.
 *
 * @throws {RangeError} If there is none of that name.
 */
export function architectureOf(modelType: string): Architecture {
  const architecture = architectures.get(modelType);
  if (!architecture) {
    throw new RangeError(
      `Cannot load a model of type "${modelType}": there are ${
        modelTypes().map((name) => `"${name}"`).join(", ")
      }; registerArchitecture() adds others`,
    );
  }
  return architecture;
}

/**
 * Finds the class of an architecture for a task.
 *
 * @throws {RangeError} If the architecture is unknown, or has none.
 */
export function modelClassOf<T extends keyof Tasks>(
  modelType: string,
  task: T,
): PretrainedClass<Tasks[T]> {
  const { models } = architectureOf(modelType);
  const found = models[task];
  if (!found) {
    throw new RangeError(
      `Cannot load "${modelType}" for ${task}: it has ${
        Object.keys(models).join(", ")
      }`,
    );
  }
  return found;
}
