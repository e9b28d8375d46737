// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `swag`: `fit` makes posteriors, `sample` draws from them, and `evaluate`
 * measures them.
 *
 * @module
 */

import { type Command, HELP_OPTION } from "./arguments.ts";
import { swagEvaluate } from "./swag_evaluate.ts";
import { swagFit } from "./swag_fit.ts";
import { swagSample } from "./swag_sample.ts";

/** Makes posteriors, draws from them, and measures them. */
export const swag: Command = {
  name: "swag",
  summary:
    "Makes posteriors, and plain models of their draws: fit collects the " +
    "checkpoints of a run; sample writes one draw; evaluate measures.",
  parts: { fit: swagFit, sample: swagSample, evaluate: swagEvaluate },
  usage: "fit|sample|evaluate [options]",
  options: { Help: [HELP_OPTION] },
  notes: `Examples:
  swagpu finetune --data train.csv --model google-bert/bert-base-uncased \\
    --schedule constant --save-every 50 --save-limit 30 --output run
  swagpu swag fit --checkpoints run --skip-first 5 --output posterior
  swagpu swag evaluate --model posterior --data test.csv
  swagpu swag sample --model posterior --index 3 --output third`,
  run: () =>
    Promise.reject(
      new TypeError(
        "Cannot run swag: say fit, sample or evaluate, see swag --help",
      ),
    ),
};
