// Copyright 2026 the swagpu authors. MIT license.

/**
 * Loads posteriors together with the models that they are over, for each task.
 * Importing this module, or `@swagpu/swagpu`, makes the folders of posteriors known
 * to models, pipelines and the `Auto…` classes: those whose `model_type` is
 * `swag_bert`, `swag_bart` and so on, for every architecture there is, including
 * those that an application registers.
 *
 * It stands outside the rooms `models` and `swag`, which know nothing of each other.
 *
 * @module
 */

import {
  type AutoClass,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type Labeled,
  type Positioned,
  type PretrainedOptions,
  registerWrapper,
  resolveFiles,
  type Tasks,
  type WrappedModel,
} from "./models/mod.ts";
import { exists } from "./nn/formats/mod.ts";
import type { Module } from "./nn/mod.ts";
import { SwagModel } from "./swag/mod.ts";

registerWrapper("swag_", {
  configField: "internal_model_config",
  modelFolder: "base_model",
  files: ["model.bin"],
  async load<M extends Module>(folder: string, build: () => M) {
    // Its base is the model that `build` has built.
    return await SwagModel.fromPretrained(folder, build) as
      & SwagModel
      & WrappedModel<M>;
  },
});

/** The file beside a model's own that may hold its posterior. */
const POSTERIOR_NAME = "swag.safetensors";

/** A posterior over a model of a certain kind. */
export type SwagModelOf<M extends Module> = SwagModel & { readonly base: M };

/** A class that loads posteriors with their models, for one task. */
export interface AutoSwagClass<M extends Module> {
  /**
   * Loads a posterior and the model that it is over, of any architecture.
   *
   * @param source A folder that {@linkcode SwagModel.savePretrained} or the Python
   * library swag_transformers wrote; or the folder of a model beside which
   * {@linkcode SwagModel.save} wrote `swag.safetensors`; or a repository of the hub
   * that holds the one or the other.
   * @param options How to find and load the model.
   * @returns The posterior. Its `base` is the model, in evaluation mode; the caller
   * disposes of both.
   * @throws {TypeError} If the folder holds no posterior, or another class of model.
   * @throws {RangeError} If the architecture is not known, or has no such model.
   * @throws {SyntaxError} If a file is malformed.
   */
  fromPretrained(
    source: string,
    options?: PretrainedOptions,
  ): Promise<SwagModelOf<M>>;
}

/**
 * Makes the class that loads posteriors over a task's models.
 *
 * @param auto Loads the models.
 * @returns The class.
 *
 * @example Saved and loaded again, whichever architecture it is
 * ```ts
 * import {
 *   AutoModelForMaskedLM,
 *   autoSwag,
 *   initialize,
 *   SwagModel,
 * } from "@swagpu/swagpu";
 * import { BertConfig, BertForMaskedLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 12,
 *   numHiddenLayers: 1,
 * });
 * const swag = SwagModel.fromBase(new BertForMaskedLM(config), { noCovMat: false });
 * swag.collectModel();
 * const folder = await Deno.makeTempDir();
 * await swag.savePretrained(folder);
 *
 * const AutoSwagModelForMaskedLM = autoSwag(AutoModelForMaskedLM);
 * const again = await AutoSwagModelForMaskedLM.fromPretrained(folder);
 * assertEquals(again.config.modelType, "swag_bert");
 * assertEquals([again.nModels, again.base.constructor], [1, BertForMaskedLM]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function autoSwag<M extends Module>(
  auto: AutoClass<M>,
): AutoSwagClass<M> {
  return {
    async fromPretrained(source, options = {}) {
      const { model, posterior } = await auto.loadParts(source, options);
      if (posterior instanceof SwagModel) return posterior;
      try {
        return await besideModel(model, source, options);
      } catch (error) {
        posterior?.[Symbol.dispose]();
        model.dispose();
        throw error;
      }
    },
  };
}

/** Loads the posterior in a file beside those of its model. */
async function besideModel<M extends Module>(
  model: M,
  source: string,
  options: PretrainedOptions,
): Promise<SwagModelOf<M>> {
  const { folder } = await resolveFiles(source, {
    ...options,
    optionalFiles: [POSTERIOR_NAME],
  });
  const path = `${folder}/${POSTERIOR_NAME}`;
  if (!await exists(path)) {
    throw new TypeError(
      `Cannot load a posterior from ${source}: its model_type does not begin ` +
        `with "swag_", and there is no ${POSTERIOR_NAME} beside the model`,
    );
  }
  return await SwagModel.load(path, model) as SwagModelOf<M>;
}

/** Loads posteriors over models without a head. */
export const AutoSwagModel: AutoSwagClass<Tasks["base"]> = autoSwag(AutoModel);

/** Loads posteriors over models that fill masked tokens. */
export const AutoSwagModelForMaskedLM: AutoSwagClass<Labeled<"maskedLM">> =
  autoSwag(AutoModelForMaskedLM);

/** Loads posteriors over models that continue texts. */
export const AutoSwagModelForCausalLM: AutoSwagClass<Labeled<"causalLM">> =
  autoSwag(AutoModelForCausalLM);

/** Loads posteriors over models that generate texts from texts. */
export const AutoSwagModelForSeq2SeqLM: AutoSwagClass<Labeled<"seq2SeqLM">> =
  autoSwag(AutoModelForSeq2SeqLM);

/**
 * Loads posteriors over models that classify texts.
 *
 * @example Usage
 * ```ts ignore
 * import { AutoSwagModelForSequenceClassification } from "@swagpu/swagpu";
 *
 * using swag = await AutoSwagModelForSequenceClassification.fromPretrained(
 *   "my-swag-bert",
 * );
 * const { probabilities } = swag.predict(() => swag.base.forward(inputs));
 * ```
 */
export const AutoSwagModelForSequenceClassification: AutoSwagClass<
  Labeled<"sequenceClassification">
> = autoSwag(AutoModelForSequenceClassification);

/** Loads posteriors over models that classify tokens. */
export const AutoSwagModelForTokenClassification: AutoSwagClass<
  Labeled<"tokenClassification">
> = autoSwag(AutoModelForTokenClassification);

/** Loads posteriors over models that find answers in texts. */
export const AutoSwagModelForQuestionAnswering: AutoSwagClass<
  Positioned<"questionAnswering">
> = autoSwag(AutoModelForQuestionAnswering);

/** Loads posteriors over models that choose between answers. */
export const AutoSwagModelForMultipleChoice: AutoSwagClass<
  Labeled<"multipleChoice">
> = autoSwag(AutoModelForMultipleChoice);
