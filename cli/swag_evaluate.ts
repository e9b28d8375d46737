// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `swag evaluate`: what `evaluate` does, for a model that must have a
 * posterior.
 *
 * @module
 */

import type { Command } from "./arguments.ts";
import { evaluate } from "./evaluate.ts";
import { hasPosterior } from "./load_model.ts";
import { noPosterior } from "./swag_options.ts";

/** Measures a posterior on labeled examples. */
export const swagEvaluate: Command = {
  ...evaluate,
  name: "swag evaluate",
  summary:
    "Measures a posterior on labeled texts, beside the model's own weights: the " +
    "mean (SWA) and samples (SWAG). It is the command evaluate, but a model " +
    "without a posterior is an error.",
  notes: `Examples:
  swagpu swag evaluate --model posterior --data test.csv
  swagpu swag evaluate --model posterior --data test.csv --scale 1 --json`,
  async run(args) {
    const source = args.needed("model");
    if (!await hasPosterior(source)) throw noPosterior("evaluate", source);
    return await evaluate.run(args);
  },
};
