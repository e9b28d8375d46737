// Copyright 2026 the swagpu authors. MIT license.

// The model that the second tab has trained, as a classifier.

import { SwagModel } from "@swagpu/swagpu/swag";
import { Classifier } from "./classifier.ts";
import { type KeptRun, keptRun } from "./kept_run.ts";
import { plannedData, plannedModel } from "./quickstart.ts";

/**
 * Takes the run that the browser keeps now.
 *
 * @returns Builds the classifier of that run, also when the browser keeps another.
 * @throws {TypeError} If there is no run that has collected weights.
 */
export async function trainedModel(): Promise<() => Promise<Classifier>> {
  const run = await keptRun();
  if (!run || run.state.posterior.nModels === 0) {
    throw new TypeError(
      "Cannot use the trained model: there is none with a posterior yet, train " +
        "one to the end",
    );
  }
  return () => build(run);
}

async function build({ plan, state }: KeptRun): Promise<Classifier> {
  const { tokenizer } = plannedData(plan);
  const model = plannedModel(plan, tokenizer);
  const posterior = SwagModel.fromBase(model, state.posterior.settings);
  try {
    await model.loadStateDict(state.weights);
    posterior.loadStateDict(state.posterior);
  } catch (error) {
    posterior.dispose();
    model.dispose();
    throw error;
  }
  const count = plan.reviews.toLocaleString("en-US");
  const name = `reviews model (${count} reviews, seed ${plan.seed})`;
  return new Classifier({ name, model, tokenizer, posterior });
}
