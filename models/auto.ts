// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finding the class for a folder by what its `config.json` says.
 *
 * @module
 */

import {
  BartConfig,
  BartForCausalLM,
  BartForConditionalGeneration,
  BartForQuestionAnswering,
  BartForSequenceClassification,
  BartModel,
} from "./architectures/bart.ts";
import {
  BertConfig,
  BertForMaskedLM,
  BertForMultipleChoice,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertLMHeadModel,
  BertModel,
} from "./architectures/bert.ts";
import type { PretrainedConfig } from "./config.ts";
import { ConfigReader } from "./files/config_reader.ts";
import type { WithLabels, WithLoss, WithPositions } from "./io.ts";
import {
  MarianConfig,
  MarianForCausalLM,
  MarianModel,
  MarianMTModel,
} from "./architectures/marian.ts";
import {
  ModernBertConfig,
  ModernBertForMaskedLM,
  ModernBertForMultipleChoice,
  ModernBertForQuestionAnswering,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  ModernBertModel,
} from "./architectures/modernbert.ts";
import {
  PreTrainedModel,
  type PretrainedOptions,
  resolveConfig,
} from "./pretrained.ts";
import {
  RobertaConfig,
  RobertaForCausalLM,
  RobertaForMaskedLM,
  RobertaForMultipleChoice,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
} from "./architectures/roberta.ts";
import {
  architectureOf,
  modelClassOf,
  modelTypes,
  registerArchitecture,
  type Tasks,
} from "./registry.ts";

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

registerArchitecture("roberta", {
  config: RobertaConfig,
  models: {
    base: RobertaModel,
    maskedLM: RobertaForMaskedLM,
    causalLM: RobertaForCausalLM,
    sequenceClassification: RobertaForSequenceClassification,
    tokenClassification: RobertaForTokenClassification,
    questionAnswering: RobertaForQuestionAnswering,
    multipleChoice: RobertaForMultipleChoice,
  },
});

registerArchitecture("modernbert", {
  config: ModernBertConfig,
  models: {
    base: ModernBertModel,
    maskedLM: ModernBertForMaskedLM,
    sequenceClassification: ModernBertForSequenceClassification,
    tokenClassification: ModernBertForTokenClassification,
    questionAnswering: ModernBertForQuestionAnswering,
    multipleChoice: ModernBertForMultipleChoice,
  },
});

registerArchitecture("bart", {
  config: BartConfig,
  models: {
    base: BartModel,
    causalLM: BartForCausalLM,
    seq2SeqLM: BartForConditionalGeneration,
    sequenceClassification: BartForSequenceClassification,
    questionAnswering: BartForQuestionAnswering,
  },
});

registerArchitecture("marian", {
  config: MarianConfig,
  models: {
    base: MarianModel,
    causalLM: MarianForCausalLM,
    seq2SeqLM: MarianMTModel,
  },
});

/** Finds configurations of any architecture. */
export class AutoConfig {
  /** Reads a folder's or hub model's `config.json`. */
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

/** Types of transformers whose names hold that of an architecture here. */
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
 * What `model_type` says, or else the longest type in the folder's name, as
 * configurations of the first releases have it.
 */
function modelTypeOf(reader: ConfigReader, source: string): string {
  if (reader.has("model_type")) return reader.string("model_type");
  const [found] = [...modelTypes(), ...OTHER_TYPES]
    .filter((type) => source.includes(type))
    .sort((a, b) => b.length - a.length);
  return found ?? reader.string("model_type");
}

/** Looks something up; if there is none, the error names the file. */
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

/** What every `Auto…` class does for its task. */
export interface AutoClass<M> {
  /** Loads a folder or hub model, of whatever architecture it is. */
  fromPretrained(source: string, options?: PretrainedOptions): Promise<M>;
  /** Builds a model with random weights. */
  fromConfig(config: PretrainedConfig): M;
}

/** A task's model, which says that there is a loss where labels are given. */
export type Labelled<T extends keyof Tasks> =
  & {
    /** Runs the model, and finds the loss. */
    forward(
      inputs: WithLabels<Parameters<Tasks[T]["forward"]>[0]>,
    ): WithLoss<ReturnType<Tasks[T]["forward"]>>;
  }
  & Tasks[T];

/** The same of a task whose labels are places. */
export type Positioned<T extends keyof Tasks> =
  & {
    /** Runs the model, and finds the loss. */
    forward(
      inputs: WithPositions<Parameters<Tasks[T]["forward"]>[0]>,
    ): WithLoss<ReturnType<Tasks[T]["forward"]>>;
  }
  & Tasks[T];

function auto<T extends keyof Tasks, M extends Tasks[T] = Tasks[T]>(
  task: T,
): AutoClass<M> {
  return {
    async fromPretrained(source, options = {}) {
      const reader = await resolveConfig(source, options);
      const found = inFile(
        reader,
        () => modelClassOf(modelTypeOf(reader, source), task),
      );
      return await PreTrainedModel.load(found, source, options) as M;
    },
    fromConfig(config) {
      return new (modelClassOf(config.modelType, task))(config) as M;
    },
  };
}

/** Loads encoders without a head. */
export const AutoModel: AutoClass<Tasks["base"]> = auto("base");

/** Loads models that fill masked tokens. */
export const AutoModelForMaskedLM: AutoClass<Labelled<"maskedLM">> = auto(
  "maskedLM",
);

/** Loads models that continue texts. */
export const AutoModelForCausalLM: AutoClass<Labelled<"causalLM">> = auto(
  "causalLM",
);

/** Loads models that turn texts into other texts. */
export const AutoModelForSeq2SeqLM: AutoClass<Labelled<"seq2SeqLM">> = auto(
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
  Labelled<"sequenceClassification">
> = auto("sequenceClassification");

/** Loads models that label tokens. */
export const AutoModelForTokenClassification: AutoClass<
  Labelled<"tokenClassification">
> = auto("tokenClassification");

/** Loads models that find answers. */
export const AutoModelForQuestionAnswering: AutoClass<
  Positioned<"questionAnswering">
> = auto("questionAnswering");

/** Loads models that choose between answers. */
export const AutoModelForMultipleChoice: AutoClass<Labelled<"multipleChoice">> =
  auto("multipleChoice");
