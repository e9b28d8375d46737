// Copyright 2026 the swagpu authors. MIT license.

// Adapters together with the models that they were trained on.

import { exists } from "../../nn/formats/mod.ts";
import type { Adaptable } from "../../nn/mod.ts";
import {
  type AutoClass,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type Labeled,
  type Positioned,
} from "../auto.ts";
import { readConfigFile } from "../config.ts";
import { resolveFiles } from "../files/hub.ts";
import type { Tasks } from "../registry.ts";
import { ADAPTER_CONFIG, readAdapterConfig } from "./adapter_config.ts";
import { type PeftLoadOptions, PeftModel } from "./peft_model.ts";

/** Options of {@linkcode AutoPeftClass.fromPretrained}. */
export interface AutoPeftOptions extends PeftLoadOptions {
  /**
   * The model that the adapter was trained on: a folder, or a name on the hub.
   *
   * @default {`base_model_name_or_path` of `adapter_config.json`}
   */
  baseModel?: string | undefined;
}

/** A class that loads adapters with their models, for one task. */
export interface AutoPeftClass<M extends Adaptable> {
  /**
   * Loads the model that an adapter was trained on, and the adapter.
   *
   * If the folder holds a `config.json`, as `finetune --lora-rank` writes it, its
   * fields take the place of the model's: they say how many classes a new head
   * has, and what they are called. PEFT itself writes no such file.
   *
   * @param source The folder of the adapter, or its name on the hub.
   * @param options Where the model is, whether to train on, and the like.
   * @returns The model with the adapter, in evaluation mode.
   * @throws {TypeError} If nothing says which model it is, or the adapter does
   * not fit it.
   * @throws {NotFound} If a file is missing.
   */
  fromPretrained(
    source: string,
    options?: AutoPeftOptions,
  ): Promise<PeftModel<M>>;
}

/**
 * Makes the class that loads adapters of a task's models, as those of PEFT do.
 *
 * @param auto Loads the models.
 * @returns The class.
 *
 * @example Adapters of models that choose between answers
 * ```ts
 * import { AutoModelForMultipleChoice, autoPeft } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const AutoPeftModelForMultipleChoice = autoPeft(AutoModelForMultipleChoice);
 * assertEquals(typeof AutoPeftModelForMultipleChoice.fromPretrained, "function");
 * ```
 */
export function autoPeft<M extends Adaptable>(
  auto: AutoClass<M>,
): AutoPeftClass<M> {
  return {
    async fromPretrained(source, options = {}) {
      const { baseModel, ...rest } = options;
      const { isTrainable: _, ...where } = rest;
      const { folder } = await resolveFiles(source, {
        ...where,
        files: [ADAPTER_CONFIG],
        optionalFiles: ["config.json"],
      });
      const { config } = await readAdapterConfig(
        `${folder}/${ADAPTER_CONFIG}`,
      );
      const base = baseModel ?? config.baseModelNameOrPath;
      if (base === undefined) {
        throw new TypeError(
          `Cannot load ${source}: its ${ADAPTER_CONFIG} does not name the ` +
            "model that it was trained on; give baseModel",
        );
      }
      const path = `${folder}/config.json`;
      const { revision } = config;
      const model = await auto.fromPretrained(base, {
        ...revision !== undefined && baseModel === undefined
          ? { revision }
          : {},
        ...await exists(path)
          ? {
            config: (await readConfigFile(path)).fields,
            ignoreMismatchedSizes: true,
          }
          : {},
        // The adapter's file has the values of what is new.
        onLoad: () => {},
      });
      try {
        return await PeftModel.fromPretrained(model, source, rest);
      } catch (error) {
        model.dispose();
        throw error;
      }
    },
  };
}

/** Loads adapters of models without a head. */
export const AutoPeftModel: AutoPeftClass<Tasks["base"]> = autoPeft(
  AutoModel,
);

/** Loads adapters of models that fill masked tokens. */
export const AutoPeftModelForMaskedLM: AutoPeftClass<
  Labeled<"maskedLM">
> = autoPeft(AutoModelForMaskedLM);

/** Loads adapters of models that continue texts. */
export const AutoPeftModelForCausalLM: AutoPeftClass<
  Labeled<"causalLM">
> = autoPeft(AutoModelForCausalLM);

/** Loads adapters of models that generate texts from texts. */
export const AutoPeftModelForSeq2SeqLM: AutoPeftClass<
  Labeled<"seq2SeqLM">
> = autoPeft(AutoModelForSeq2SeqLM);

/**
 * Loads adapters of models that classify texts.
 *
 * @example Usage
 * ```ts ignore
 * import { AutoPeftModelForSequenceClassification } from "@swagpu/swagpu/models";
 *
 * const model = await AutoPeftModelForSequenceClassification.fromPretrained(
 *   "my-adapter",
 * );
 * ```
 */
export const AutoPeftModelForSequenceClassification: AutoPeftClass<
  Labeled<"sequenceClassification">
> = autoPeft(AutoModelForSequenceClassification);

/** Loads adapters of models that classify tokens. */
export const AutoPeftModelForTokenClassification: AutoPeftClass<
  Labeled<"tokenClassification">
> = autoPeft(AutoModelForTokenClassification);

/** Loads adapters of models that find answers in texts. */
export const AutoPeftModelForQuestionAnswering: AutoPeftClass<
  Positioned<"questionAnswering">
> = autoPeft(AutoModelForQuestionAnswering);
