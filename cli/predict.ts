// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `predict`, which applies a model to texts.
 *
 * @module
 */

import { type Command, COMMON_OPTIONS } from "./arguments.ts";
import { MODEL_OPTIONS } from "./model_options.ts";
import { taskOptions } from "./tasks/registry.ts";
import { predictTask, usedModel } from "./use_task.ts";

/** Labels texts, and prints a line of JSON for each. */
export const predict: Command = {
  name: "predict",
  summary:
    "Applies a model to texts: prints a line of JSON for each, with scores and, " +
    "if the folder holds a SWAG posterior, their uncertainty. The task is that " +
    "of the model.",
  usage: "--model DIR (--data FILE | --text TEXT) [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help:
          "Texts: CSV, TSV, JSONL or JSON, also as .gz, or Parquet; - for standard " +
          "input.",
      },
    ],
    ...taskOptions("predictOptions"),
    Model: MODEL_OPTIONS,
    Result: COMMON_OPTIONS,
  },
  notes: `Examples:
  swagpu predict --model model --text "Not bad at all" --text "Dull"
  swagpu predict --model model --data texts.csv --keep-columns id > labels.jsonl
  swagpu predict --model model --data new.csv --top 100 --by mutual-information
  gzip -dc texts.tsv.gz | swagpu predict --model model --data - --format tsv

A posterior adds the entropy of the mean prediction in nats and its two parts:
expectedEntropy, the samples' own, and mutualInformation, how much the samples
disagree. confidence is the largest probability, and margin its distance to the
second largest. Rows that --top finds equal stay in the order of the file.

Where a text may have several labels, each class is a choice of its own, with an
uncertainty. The entropies of a text are the sums over its classes, and its
confidence and margin are those of the class that is least sure.`,
  async run(args) {
    return await predictTask(await usedModel(args, "predictOptions"));
  },
};
