// Copyright 2026 the swagpu authors. MIT license.

// Loads a model with its posterior from a folder, wherever that is. The library reads
// it as it reads any other, so its errors are those that it has on disk.

import {
  AutoConfig,
  AutoModelForSequenceClassification,
  AutoTokenizer,
} from "@swagpu/swagpu/models";
import { exists } from "@swagpu/swagpu/host";
import { SwagModel } from "@swagpu/swagpu/swag";
// Makes the folders of swag_transformers known to all that load models.
import "../../../auto_swag.ts";
import type { ModelSource } from "../protocol.ts";
import { Classifier } from "./classifier.ts";
import { inModelFolder, type ModelFolder } from "./folders.ts";

/** The file beside a model's own that may hold its posterior. */
const POSTERIOR = "swag.safetensors";

/**
 * Loads a model.
 *
 * @param source Where it comes from.
 * @param tell Told what takes a while.
 * @returns The model with its posterior, if it has one.
 */
export async function loadModel(
  source: Exclude<ModelSource, { from: "training" }>,
  tell: (text: string) => void,
): Promise<Classifier> {
  const run = async ({ folder, name }: ModelFolder) => {
    tell(`Reading the tokenizer of ${name} …`);
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    (await AutoConfig.fromPretrained(folder)).checkVocabulary(tokenizer);
    tell(`Reading the weights of ${name} …`);
    const { model, posterior: own } = await AutoModelForSequenceClassification
      .loadParts(folder);
    let posterior: SwagModel | undefined = own instanceof SwagModel
      ? own
      : undefined;
    try {
      const path = `${folder}/${POSTERIOR}`;
      if (!posterior && await exists(path)) {
        tell(`Reading the posterior of ${name} …`);
        posterior = await SwagModel.load(path, model, { sameWeights: true });
      }
      return new Classifier({ name, model, tokenizer, posterior });
    } catch (error) {
      (posterior ?? own)?.[Symbol.dispose]();
      model.dispose();
      throw error;
    }
  };
  return await inModelFolder(source, { tell, run });
}
