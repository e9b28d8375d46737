// Copyright 2026 the swagpu authors. MIT license.

import {
  BertConfig,
  BertForMaskedLM,
  BertForMultipleChoice,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertLMHeadModel,
  BertModel,
} from "./bert.ts";
import type { PretrainedConfig } from "./config.ts";
import { ConfigReader } from "./config_reader.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabelledInputs,
  QuestionInputs,
  QuestionOutput,
} from "./io.ts";
import {
  type ConfigClass,
  type PretrainedClass,
  PreTrainedModel,
  type PretrainedOptions,
  resolveConfig,
} from "./pretrained.ts";

/** A model of any architecture that takes `I` and gives `O`. */
export type TaskModel<I, O> = PreTrainedModel<PretrainedConfig> & {
  forward(inputs: I): O;
};

/** What each task takes and gives. */
export interface Tasks {
  /** The encoder without a head. */
  base: TaskModel<EncoderInputs, EncoderOutput>;
  /** Filling masked tokens. */
  maskedLM: TaskModel<LabelledInputs, HeadOutput>;
  /** Continuing texts. */
  causalLM: TaskModel<LabelledInputs, HeadOutput>;
  /** Classifying texts, or predicting numbers. */
  sequenceClassification: TaskModel<LabelledInputs, HeadOutput>;
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

const architectures = new Map<string, Architecture>();

/**
 * Adds an architecture to those that the `Auto…` classes know.
 *
 * @param modelType What configurations call it, in `model_type`.
 * @param architecture Its classes.
 */
export function registerArchitecture(
  modelType: string,
  architecture: Architecture,
): void {
  architectures.set(modelType, architecture);
}

registerArchitecture("bert", {
  config: BertConfig,
  models: {
    base: BertModel,
    maskedLM: BertForMaskedLM,
    causalLM: BertLMHeadModel,
    sequenceClassification: BertForSequenceClassification,
    tokenClassification: BertForTokenClassification,
    questionAnswering: BertForQuestionAnswering,
    multipleChoice: BertForMultipleChoice,
  },
});

/** Finds the architecture that a configuration names. */
function architectureOf(modelType: string): Architecture {
  const architecture = architectures.get(modelType);
  if (!architecture) {
    throw new RangeError(
      `Cannot load a model of type "${modelType}": there are ${
        [...architectures.keys()].map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  return architecture;
}

function modelClass<T extends keyof Tasks>(
  modelType: string,
  task: T,
): PretrainedClass<Tasks[T]> {
  const found = architectureOf(modelType).models[task];
  if (!found) {
    throw new RangeError(
      `Cannot load "${modelType}" for ${task}: it has ${
        Object.keys(architectureOf(modelType).models).join(", ")
      }`,
    );
  }
  return found;
}

/** Finds configurations of any architecture. */
export class AutoConfig {
  /** Reads a folder's or hub model's `config.json`. */
  static async fromPretrained(
    source: string,
    options: PretrainedOptions = {},
  ): Promise<PretrainedConfig> {
    return AutoConfig.fromFields(await resolveConfig(source, options));
  }

  /** Makes the configuration of the architecture that `model_type` names. */
  static fromFields(
    fields: Readonly<Record<string, unknown>> | ConfigReader,
  ): PretrainedConfig {
    const reader = fields instanceof ConfigReader
      ? fields
      : new ConfigReader(fields);
    const { config } = architectureOf(reader.string("model_type"));
    return new config(reader);
  }
}

/** What every `Auto…` class does for its task. */
export interface AutoClass<M> {
  /** Loads a folder or hub model, of whatever architecture it is. */
  fromPretrained(source: string, options?: PretrainedOptions): Promise<M>;
  /** Builds a model with random weights. */
  fromConfig(config: PretrainedConfig): M;
}

function auto<T extends keyof Tasks>(task: T): AutoClass<Tasks[T]> {
  return {
    async fromPretrained(source, options = {}) {
      const reader = await resolveConfig(source, options);
      const found = modelClass(reader.string("model_type"), task);
      return await PreTrainedModel.load(found, source, options);
    },
    fromConfig(config) {
      return new (modelClass(config.modelType, task))(config);
    },
  };
}

/** Loads encoders without a head. */
export const AutoModel: AutoClass<Tasks["base"]> = auto("base");

/** Loads models that fill masked tokens. */
export const AutoModelForMaskedLM: AutoClass<Tasks["maskedLM"]> = auto(
  "maskedLM",
);

/** Loads models that continue texts. */
export const AutoModelForCausalLM: AutoClass<Tasks["causalLM"]> = auto(
  "causalLM",
);

/**
 * Loads models that classify texts.
 *
 * @example Usage
 * ```ts ignore
 * import { AutoModelForSequenceClassification } from "@swagpu/swagpu/models";
 *
 * const model = await AutoModelForSequenceClassification.fromPretrained(
 *   "textattack/bert-base-uncased-SST-2",
 * );
 * ```
 */
export const AutoModelForSequenceClassification: AutoClass<
  Tasks["sequenceClassification"]
> = auto("sequenceClassification");

/** Loads models that label tokens. */
export const AutoModelForTokenClassification: AutoClass<
  Tasks["tokenClassification"]
> = auto("tokenClassification");

/** Loads models that find answers. */
export const AutoModelForQuestionAnswering: AutoClass<
  Tasks["questionAnswering"]
> = auto("questionAnswering");

/** Loads models that choose between answers. */
export const AutoModelForMultipleChoice: AutoClass<Tasks["multipleChoice"]> =
  auto("multipleChoice");
