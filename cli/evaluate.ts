// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `evaluate`.
 *
 * @module
 */

import { initialize } from "../engine/mod.ts";
import type { PretrainedConfig, Tokenizer } from "../models/mod.ts";
import type { Arguments, Command, Option } from "./arguments.ts";
import { isRegression, loadClassifier, maxLengthOf } from "./classifier.ts";
import {
  COLUMN_OPTIONS,
  LABEL_OPTION,
  type RawExamples,
  readExamples,
} from "./examples.ts";
import { classIds, namesOf, numbersOf } from "./labels.ts";
import { evaluateAll, type Examples, renderScores } from "./scores.ts";
import { Texts } from "./texts.ts";

/** Options of every command that runs a trained model. */
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
    help: "Samples of the weights where the folder holds a SWAG posterior; 0 " +
      "uses the weights alone (30).",
  },
  {
    name: "scale",
    value: "X",
    help: "Times the posterior's covariance (0.5).",
  },
  { name: "seed", value: "N", help: "Decides the samples (0)." },
];

/** The values of {@linkcode MODEL_OPTIONS} that say how to score. */
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

/** What reads examples as a model knows them. */
export interface Readers {
  /** Names the classes. */
  config: PretrainedConfig;
  /** Splits texts. */
  tokenizer: Tokenizer;
}

/** Tokens and ids of examples. */
export function prepareExamples(
  { path, texts, pairs, labels }: RawExamples,
  { config, tokenizer }: Readers,
  maxLength: number,
): Examples {
  return {
    labels: isRegression(config)
      ? numbersOf(labels, { path })
      : classIds(labels, namesOf(config), { path }),
    texts: new Texts(tokenizer, texts, { pairs, maxLength }),
  };
}

/** Measures a model on labelled examples. */
export const evaluate: Command = {
  name: "evaluate",
  summary: "Measures a model, and its SWAG posterior, on labelled texts.",
  usage: "--model DIR --data FILE [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help: "Labelled texts: CSV, TSV or JSONL.",
      },
      ...COLUMN_OPTIONS,
      LABEL_OPTION,
    ],
    Model: MODEL_OPTIONS,
    Result: [
      {
        name: "temperature-fit",
        value: "FILE",
        help:
          "Other labelled texts to fit a temperature on; adds scores after " +
          "temperature scaling.",
      },
      { name: "json", help: "Print JSON instead of a table." },
      { name: "help", help: "Print this." },
    ],
  },
  async run(args) {
    const source = args.needed("model");
    const path = args.needed("data");
    const fitPath = args.text("temperature-fit");
    const options = scoreOptions(args);
    const wanted = args.integer("max-length", { min: 1 });
    const examples = await readExamples(path, args);
    const fit = fitPath === undefined
      ? undefined
      : await readExamples(fitPath, args);
    await initialize();
    const classifier = await loadClassifier(source, args.text("tokenizer"));
    const { model: { config }, tokenizer } = classifier;
    if (fit && isRegression(config)) {
      throw new TypeError(
        "Cannot use --temperature-fit: the model predicts numbers, not classes",
      );
    }
    const maxLength = maxLengthOf(config, tokenizer, wanted);
    const prepare = (raw: RawExamples) =>
      prepareExamples(raw, { config, tokenizer }, maxLength);
    const results = await evaluateAll(classifier, prepare(examples), {
      ...options,
      fit: fit && prepare(fit),
    });
    console.log(
      args.flag("json")
        ? JSON.stringify({ rows: examples.texts.length, results }, null, 2)
        : renderScores(results).trimEnd(),
    );
    return 0;
  },
};
