// Copyright 2026 the swagpu authors. MIT license.

// Posteriors that are saved, and loaded with their models in one call.

import { assert, assertEquals } from "@std/assert";
import {
  type AutoSwagClass,
  AutoSwagModel,
  AutoSwagModelForCausalLM,
  AutoSwagModelForMaskedLM,
  AutoSwagModelForMultipleChoice,
  AutoSwagModelForQuestionAnswering,
  AutoSwagModelForSeq2SeqLM,
  AutoSwagModelForSequenceClassification,
  AutoSwagModelForTokenClassification,
} from "../auto_swag.ts";
import { manualSeed, readAll } from "../engine/mod.ts";
import {
  architectureOf,
  type PretrainedConfig,
  type PreTrainedModel,
  type Tasks,
} from "../models/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { assertClose } from "./_check.ts";
import { inFolder } from "./_folder.ts";
import { collectAround, tinyConfigOf } from "./_tiny_models.ts";

/** What loads the posteriors of each task. */
export const LOADERS: {
  readonly [T in keyof Tasks]: AutoSwagClass<
    PreTrainedModel<PretrainedConfig>
  >;
} = {
  base: AutoSwagModel,
  maskedLM: AutoSwagModelForMaskedLM,
  causalLM: AutoSwagModelForCausalLM,
  seq2SeqLM: AutoSwagModelForSeq2SeqLM,
  sequenceClassification: AutoSwagModelForSequenceClassification,
  tokenClassification: AutoSwagModelForTokenClassification,
  questionAnswering: AutoSwagModelForQuestionAnswering,
  multipleChoice: AutoSwagModelForMultipleChoice,
};

/** The weights of a sample, by their names. */
export async function sampled(
  swag: SwagModel,
): Promise<Map<string, Float32Array>> {
  return await swag.withSample({ scale: 0.5, seed: 3 }, async () => {
    const parameters = swag.base.namedParameters();
    const values = await readAll([...parameters.values()]);
    return new Map([...parameters.keys()].map((name, i) => [
      name,
      values[i] ?? new Float32Array(),
    ]));
  });
}

export function free(swag: SwagModel): void {
  swag.dispose();
  swag.base.dispose();
}

/** Saves a posterior over a model of a class, and loads both in one call. */
export async function assertOneCall(
  modelType: string,
  task: keyof Tasks,
): Promise<void> {
  const Model = architectureOf(modelType).models[task];
  assert(Model);
  await inFolder(async (folder) => {
    manualSeed(1);
    const model: PreTrainedModel<PretrainedConfig> = new Model(
      tinyConfigOf(modelType, { is_decoder: task === "causalLM" }),
    );
    const swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 3,
    });
    await collectAround(swag);
    await swag.savePretrained(folder);
    const again = await LOADERS[task].fromPretrained(folder);
    assertEquals(again.base.constructor, Model);
    assertEquals(again.base.config.toJSON(), model.config.toJSON());
    assertEquals(again.base.training, false);
    assertEquals(again.config.modelType, `swag_${modelType}`);
    assertEquals(again.settings, swag.settings);
    assertEquals([again.nModels, again.covMatRank], [4, 3]);
    const expected = await sampled(swag);
    // The mean of squares has lost digits; all else is the same.
    const own = await sampled(again);
    assertEquals([...own.keys()], [...expected.keys()]);
    for (const [name, values] of expected) {
      assertClose(own.get(name) ?? [], values, {
        absolute: 2e-3,
        relative: 0,
      }, name);
    }
    free(swag);
    free(again);
  });
}
