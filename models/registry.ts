// Copyright 2026 the swagpu authors. MIT license.

/**
 * The architectures, with their model classes for each task. One call of
 * {@linkcode registerArchitecture} adds another one.
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
  LabeledInputs,
  LabeledSeq2SeqInputs,
  QuestionInputs,
  QuestionOutput,
  Seq2SeqHeadOutput,
} from "./io.ts";
import type {
  ConfigClass,
  PretrainedClass,
  PreTrainedModel,
} from "./pretrained.ts";

/** A model of any architecture with inputs `I` and outputs `O`. */
export type TaskModel<I, O> = PreTrainedModel<PretrainedConfig> & {
  forward(inputs: I): O;
};

/** The inputs and outputs of the models for each task. */
export interface Tasks {
  /** The model without a head. */
  base: TaskModel<EncoderInputs, EncoderOutput>;
  /** Filling masked tokens. */
  maskedLM: TaskModel<LabeledInputs, HeadOutput>;
  /** Continuing texts. */
  causalLM: TaskModel<CausalLMInputs, HeadOutput>;
  /** Generating texts from texts, such as translations. */
  seq2SeqLM: TaskModel<LabeledSeq2SeqInputs, Seq2SeqHeadOutput>;
  /** Classifying texts, or predicting numbers. */
  sequenceClassification: TaskModel<LabeledInputs<AnyTensor>, HeadOutput>;
  /** Classifying tokens. */
  tokenClassification: TaskModel<LabeledInputs, HeadOutput>;
  /** Finding answers in texts. */
  questionAnswering: TaskModel<QuestionInputs, QuestionOutput>;
  /** Choosing between answers. */
  multipleChoice: TaskModel<LabeledInputs, HeadOutput>;
}

/** An architecture: the class of its configuration, and its models' classes. */
export interface Architecture {
  /** The class of the configuration. */
  config: ConfigClass<PretrainedConfig>;
  /** The class of the model for each task that it supports. */
  models: { readonly [T in keyof Tasks]?: PretrainedClass<Tasks[T]> };
}

/** Options of {@linkcode registerArchitecture}. */
export interface RegisterOptions {
  /** Whether to replace an architecture of the same name. @default {false} */
  replace?: boolean;
}

const architectures = new Map<string, Architecture>();

/**
 * Adds an architecture to those that the `Auto…` classes, pipelines and the
 * command line can load.
 *
 * @param modelType The architecture's name in the field `model_type`.
 * @param architecture Its classes.
 * @param options Whether to replace one of the same name.
 * @throws {RangeError} If an architecture has that name already.
 *
 * @example A variant of BERT under another name
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
      `Cannot register "${modelType}": the name is taken; ` +
        "set replace to replace the architecture",
    );
  }
  architectures.set(modelType, architecture);
}

/** The names of all architectures, in the order of their registration. */
export function modelTypes(): string[] {
  return [...architectures.keys()];
}

/**
 * Finds an architecture by its name.
 *
 * @param modelType The architecture's name in the field `model_type`.
 * @returns Its classes.
 * @throws {RangeError} If no architecture has that name.
 *
 * @example Usage
 * ```ts
 * import { architectureOf, BertModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(architectureOf("bert").models.base, BertModel);
 * ```
 */
export function architectureOf(modelType: string): Architecture {
  const architecture = architectures.get(modelType);
  if (!architecture) {
    throw new RangeError(
      `Cannot load a model of type "${modelType}": expected one of ${
        modelTypes().map((name) => `"${name}"`).join(", ")
      }; registerArchitecture() adds others` +
        (modelType.startsWith("swag_")
          ? ', and importing "@swagpu/swagpu" those of posteriors'
          : ""),
    );
  }
  return architecture;
}

/**
 * Finds the class of an architecture for a task.
 *
 * @throws {RangeError} If no architecture has that name, or it does not support
 * the task.
 */
export function modelClassOf<T extends keyof Tasks>(
  modelType: string,
  task: T,
): PretrainedClass<Tasks[T]> {
  const { models } = architectureOf(modelType);
  const found = models[task];
  if (!found) {
    throw new RangeError(
      `Cannot load "${modelType}" for ${task}: it supports ${
        Object.keys(models).join(", ")
      }`,
    );
  }
  return found;
}
