// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options of commands that run a trained model.
 *
 * @module
 */

import type { Arguments, Option } from "./arguments.ts";
import type { Classifier } from "./classifier.ts";

/** The options that name a model and say how to run it. */
export const MODEL_OPTIONS: readonly Option[] = [
  {
    name: "model",
    value: "DIR|ID",
    help: "Folder that finetune wrote, or any classifier of the hub.",
  },
  {
    name: "tokenizer",
    value: "DIR",
    help: "Folder of the tokenizer (the model's).",
  },
  {
    name: "max-length",
    value: "N",
    help: "Longest row in tokens (the model's limit, at most 512).",
  },
  { name: "batch-size", value: "N", help: "Texts at a time (64)." },
  {
    name: "swag-samples",
    value: "N",
    help: "Samples of the weights, if the folder holds a SWAG posterior; 0 " +
      "uses the weights alone (30).",
  },
  {
    name: "scale",
    value: "X",
    help: "Factor on the posterior's covariance (0.5).",
  },
  { name: "seed", value: "N", help: "Decides the samples (0)." },
];

/** Reads those of {@linkcode MODEL_OPTIONS} that say how to score texts. */
export function scoreOptions(
  args: Arguments,
): { batchSize: number; samples: number; scale: number; seed: number } {
  return {
    batchSize: args.integer("batch-size", { min: 1 }) ?? 64,
    samples: args.integer("swag-samples", { min: 0 }) ?? 30,
    scale: args.number("scale", { min: 0 }) ?? 0.5,
    seed: args.integer("seed") ?? 0,
  };
}

/** Says that options of a posterior were given, but the model has none. */
export function posteriorRemark(
  args: Arguments,
  { swag }: Pick<Classifier, "swag">,
): string | undefined {
  const idle = ["swag-samples", "scale"].filter((name) =>
    args.text(name) !== undefined && args.number(name) !== 0
  );
  if (swag || idle.length === 0) return undefined;
  return `The model has no SWAG posterior: --${
    idle.join(" and --")
  } changes nothing`;
}
