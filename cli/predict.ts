// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `predict`, which labels texts.
 *
 * @module
 */

import { AutoConfig, type PretrainedConfig } from "../models/mod.ts";
import { openAdapter } from "./adapter.ts";
import { type Command, CONFIG_OPTION, HELP_OPTION, QUIET_OPTION } from "./arguments.ts";
import { loadClassifier, maxLengthOf } from "./classifier.ts";
import { MODEL_OPTIONS } from "./model_options.ts";
import { Progress } from "./progress.ts";
import type { TaskContext } from "./tasks/task.ts";
import { INPUT_OPTIONS } from "./tasks/text_inputs.ts";
import {
  predictedLines,
  predictionInputs,
  RESULT_OPTIONS,
} from "./tasks/text_predictions.ts";

/** Labels texts, and prints a line of JSON for each. */
export const predict: Command = {
  name: "predict",
  summary: "Labels texts: prints a line of JSON for each, with probabilities " +
    "and, if the folder holds a SWAG posterior, their uncertainty.",
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
      ...INPUT_OPTIONS,
    ],
    Model: MODEL_OPTIONS,
    Result: [...RESULT_OPTIONS, QUIET_OPTION, CONFIG_OPTION, HELP_OPTION],
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
    const source = args.needed("model");
    const progress = new Progress({ quiet: args.flag("quiet") });
    const config = await progress.during(
      `reading ${source}`,
      AutoConfig.fromPretrained(source),
    );
    return await predictTexts(source, config, { args, progress });
  },
};

/** Labels texts with a model for text classification, and gives the exit code. */
async function predictTexts(
  source: string,
  config: PretrainedConfig,
  { args, progress }: TaskContext,
): Promise<number> {
  const asked = args.integer("max-length", { min: 1 });
  const inputs = await predictionInputs(config, { args, progress });
  await openAdapter(progress);
  const classifier = await progress.during(
    `loading ${source}`,
    loadClassifier(source, args.text("tokenizer")),
  );
  const maxLength = maxLengthOf(config, classifier.tokenizer, asked);
  const context = { args, progress, maxLength };
  for await (const line of predictedLines(classifier, inputs, context)) {
    progress.clear();
    console.log(JSON.stringify(line));
  }
  return 0;
}
