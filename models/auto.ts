// Copyright 2026 the swagpu authors. MIT license.

/**
 * The `Auto…` classes load a model of whichever architecture its `config.json`
 * names. The architectures of the library are registered here.
 *
 * @module
 */

import * as architectures from "./architectures/mod.ts";
import type { PretrainedConfig } from "./config.ts";
import { ConfigReader } from "./files/config_reader.ts";
import type { WithLabels, WithLoss, WithPositions } from "./io.ts";
import { type LoadedParts, PreTrainedModel } from "./pretrained.ts";
import { type PretrainedOptions, resolveConfig } from "./resolve.ts";
import {
  architectureOf,
  modelClassOf,
  modelTypes,
  registerArchitecture,
  type Tasks,
} from "./registry.ts";
import { unwrapped } from "./wrapped.ts";

registerArchitecture("bert", {
  config: architectures.BertConfig,
  models: {
    base: architectures.BertModel,
    maskedLM: architectures.BertForMaskedLM,
    causalLM: architectures.BertLMHeadModel,
    sequenceClassification: architectures.BertForSequenceClassification,
    tokenClassification: architectures.BertForTokenClassification,
    questionAnswering: architectures.BertForQuestionAnswering,
    multipleChoice: architectures.BertForMultipleChoice,
  },
});

registerArchitecture("roberta", {
  config: architectures.RobertaConfig,
  models: {
    base: architectures.RobertaModel,
    maskedLM: architectures.RobertaForMaskedLM,
    causalLM: architectures.RobertaForCausalLM,
    sequenceClassification: architectures.RobertaForSequenceClassification,
    tokenClassification: architectures.RobertaForTokenClassification,
    questionAnswering: architectures.RobertaForQuestionAnswering,
    multipleChoice: architectures.RobertaForMultipleChoice,
  },
});

registerArchitecture("modernbert", {
  config: architectures.ModernBertConfig,
  models: {
    base: architectures.ModernBertModel,
    maskedLM: architectures.ModernBertForMaskedLM,
    sequenceClassification: architectures.ModernBertForSequenceClassification,
    tokenClassification: architectures.ModernBertForTokenClassification,
    questionAnswering: architectures.ModernBertForQuestionAnswering,
    multipleChoice: architectures.ModernBertForMultipleChoice,
  },
});

registerArchitecture("bart", {
  config: architectures.BartConfig,
  models: {
    base: architectures.BartModel,
    causalLM: architectures.BartForCausalLM,
    seq2SeqLM: architectures.BartForConditionalGeneration,
    sequenceClassification: architectures.BartForSequenceClassification,
    questionAnswering: architectures.BartForQuestionAnswering,
  },
});

registerArchitecture("marian", {
  config: architectures.MarianConfig,
  models: {
    base: architectures.MarianModel,
    causalLM: architectures.MarianForCausalLM,
    seq2SeqLM: architectures.MarianMTModel,
  },
});

/**
 * Loads configurations of any architecture.
 *
 * @example Usage
 * ```ts
 * import { AutoConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = AutoConfig.fromFields({ model_type: "bart", d_model: 32 });
 * assertEquals(config.constructor.name, "BartConfig");
 * ```
 */
export class AutoConfig {
  /**
   * Reads the `config.json` of a folder or hub model.
   *
   * @param source A folder, or a name on the hub.
   * @param options Fields to replace, the hub's revision and the like.
   * @returns The configuration, of its architecture's class; that of the model, if
   * the folder is one around it, see {@linkcode registerWrapper}.
   * @throws {RangeError} If the architecture is not known.
   */
  static async fromPretrained(
    source: string,
    options: PretrainedOptions = {},
  ): Promise<PretrainedConfig> {
    const reader = await resolveConfig(source, options);
    const { config } = inFile(
      reader,
      () => architectureOf(modelTypeOf(reader, source)),
    );
    return new config(reader);
  }

  /**
   * Builds the configuration of the architecture that `model_type` names.
   *
   * @param fields The fields, as in `config.json`.
   * @returns The configuration, of its architecture's class.
   * @throws {RangeError} If the architecture is not known.
   */
  static fromFields(
    fields: Readonly<Record<string, unknown>> | ConfigReader,
  ): PretrainedConfig {
    const reader = unwrapped(
      fields instanceof ConfigReader ? fields : new ConfigReader(fields),
    );
    const { config } = architectureOf(reader.string("model_type"));
    return new config(reader);
  }
}

/**
 * Architectures of transformers whose names contain the name of one that is
 * supported here.
 */
const OTHER_TYPES: readonly string[] = [
  "albert",
  "bert-generation",
  "big_bird",
  "bigbird_pegasus",
  "camembert",
  "deberta",
  "deberta-v2",
  "distilbert",
  "flaubert",
  "ibert",
  "layoutlm",
  "mbart",
  "megatron-bert",
  "mobilebert",
  "modernbert-decoder",
  "nystromformer",
  "plbart",
  "qdqbert",
  "rembert",
  "roberta-prelayernorm",
  "roc_bert",
  "roformer",
  "squeezebert",
  "visual_bert",
  "xlm-roberta",
  "xlm-roberta-xl",
  "xmod",
];

/**
 * The architecture's name: `model_type`, or else, for files of transformers'
 * first releases, the longest known name that the source contains.
 */
function modelTypeOf(reader: ConfigReader, source: string): string {
  if (reader.has("model_type")) return reader.string("model_type");
  const [found] = [...modelTypes(), ...OTHER_TYPES]
    .filter((type) => source.includes(type))
    .sort((a, b) => b.length - a.length);
  return found ?? reader.string("model_type");
}

/** Looks something up; an error about it also names the file. */
function inFile<T>(reader: ConfigReader, find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`${error.message} (${reader.source})`, {
      cause: error,
    });
  }
}

/** A class that loads models of any architecture for one task. */
export interface AutoClass<M> {
  /** Loads a folder or hub model of any architecture. */
  fromPretrained(source: string, options?: PretrainedOptions): Promise<M>;
  /**
   * Loads the same together with the posterior over its weights, if the folder was
   * written around one; see {@linkcode registerWrapper}.
   */
  loadParts(
    source: string,
    options?: PretrainedOptions,
  ): Promise<LoadedParts<M>>;
  /** Builds a model with random weights from a configuration. */
  fromConfig(config: PretrainedConfig): M;
}

/**
 * A task's model, whose outputs have a loss for certain if labels are given.
 */
export type Labeled<T extends keyof Tasks> =
  & {
    /** Runs the model, and computes the loss. */
    forward(
      inputs: WithLabels<Parameters<Tasks[T]["forward"]>[0]>,
    ): WithLoss<ReturnType<Tasks[T]["forward"]>>;
  }
  & Tasks[T];

/** The same for the task whose labels are an answer's positions. */
export type Positioned<T extends keyof Tasks> =
  & {
    /** Runs the model, and computes the loss. */
    forward(
      inputs: WithPositions<Parameters<Tasks[T]["forward"]>[0]>,
    ): WithLoss<ReturnType<Tasks[T]["forward"]>>;
  }
  & Tasks[T];

/** Builds the `Auto…` class of a task. */
function auto<T extends keyof Tasks, M extends Tasks[T] = Tasks[T]>(
  task: T,
): AutoClass<M> {
  const find = async (source: string, options: PretrainedOptions) => {
    const reader = await resolveConfig(source, options);
    return inFile(
      reader,
      () => modelClassOf(modelTypeOf(reader, source), task),
    );
  };
  return {
    async fromPretrained(source, options = {}) {
      const found = await find(source, options);
      return await PreTrainedModel.load(found, source, options) as M;
    },
    async loadParts(source, options = {}) {
      const found = await find(source, options);
      return await PreTrainedModel.loadParts(found, source, options) as
        & LoadedParts<Tasks[T]>
        & LoadedParts<M>;
    },
    fromConfig(config) {
      return new (modelClassOf(config.modelType, task))(config) as M;
    },
  };
}

/** Loads models without a head, which give hidden states. */
export const AutoModel: AutoClass<Tasks["base"]> = auto("base");

/** Loads models that fill masked tokens. */
export const AutoModelForMaskedLM: AutoClass<Labeled<"maskedLM">> = auto(
  "maskedLM",
);

/** Loads models that continue texts. */
export const AutoModelForCausalLM: AutoClass<Labeled<"causalLM">> = auto(
  "causalLM",
);

/** Loads models that generate texts from texts, such as translations. */
export const AutoModelForSeq2SeqLM: AutoClass<Labeled<"seq2SeqLM">> = auto(
  "seq2SeqLM",
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
  Labeled<"sequenceClassification">
> = auto("sequenceClassification");

/** Loads models that classify tokens. */
export const AutoModelForTokenClassification: AutoClass<
  Labeled<"tokenClassification">
> = auto("tokenClassification");

/** Loads models that find answers in texts. */
export const AutoModelForQuestionAnswering: AutoClass<
  Positioned<"questionAnswering">
> = auto("questionAnswering");

/** Loads models that choose between answers. */
export const AutoModelForMultipleChoice: AutoClass<Labeled<"multipleChoice">> =
  auto("multipleChoice");
