// Copyright 2026 the swagpu authors. MIT license.

/**
 * A program of a web page that classifies texts with samples of a posterior over a
 * model of any architecture. `deno task build` bundles it, as the bundler of a page
 * would, and measures what the page has to load.
 *
 * @module
 */

import { initialize } from "@swagpu/swagpu/engine";
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  batchInputs,
} from "@swagpu/swagpu/models";
import { SwagModel } from "@swagpu/swagpu/swag";

/**
 * Predicts the classes of texts.
 *
 * @param folder The folder of the model, its tokenizer and its posterior.
 * @returns The probabilities of the classes, one row after the other.
 */
export async function classify(
  folder: string,
  texts: string[],
): Promise<ArrayLike<number>> {
  await initialize();
  const model = await AutoModelForSequenceClassification.fromPretrained(folder);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const swag = await SwagModel.load(`${folder}/swag.safetensors`, model);
  const rows = texts.map((text) => tokenizer.encode(text));
  const inputs = batchInputs(rows);
  const { probabilities } = swag.predict(() => model.forward(inputs), {
    numPredictions: 30,
  });
  return await probabilities.data();
}
