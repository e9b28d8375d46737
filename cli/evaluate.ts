// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `evaluate`.
 *
 * @module
 */

import type { PretrainedConfig, Tokenizer } from "../models/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments, Command, Option } from "./arguments.ts";
import {
  type Classifier,
  isRegression,
  loadClassifier,
  maxLengthOf,
  usableConfig,
} from "./classifier.ts";
import {
  chooseColumns,
  COLUMN_OPTIONS,
  columnsRemark,
  LABEL_OPTION,
  NO_PAIRS_OPTION,
  rememberedColumns,
} from "./columns.ts";
import {
  checkInputs,
  emptyRemark,
  examplesOf,
  FILE_OPTIONS,
  type RawExamples,
  type RawTexts,
  readNeeded,
  readOptional,
  SKIP_OPTION,
} from "./examples.ts";
import { classIds, namesOf, numbersOf } from "./labels.ts";
import { count, counted } from "./names.ts";
import { Progress } from "./progress.ts";
import {
  evaluateAll,
  type Examples,
  f1Class,
  remarksOn,
  renderScores,
} from "./scores.ts";
import type { Table } from "./table.ts";
import { Texts } from "./texts.ts";

/** The option of every command that says less. */
export const QUIET_OPTION: Option = {
  name: "quiet",
  help: "Say nothing on standard error but what goes wrong.",
};

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

/** What one ought to know where options of a posterior meet none. */
export function posteriorRemark(
  args: Arguments,
  { swag }: Classifier,
): string | undefined {
  const idle = ["swag-samples", "scale"].filter((name) =>
    args.text(name) !== undefined && args.number(name) !== 0
  );
  if (swag || idle.length === 0) return undefined;
  return `The model has no SWAG posterior: --${
    idle.join(" and --")
  } changes nothing`;
}

/** What reads examples as a model knows them. */
export interface Readers {
  /** Names the classes. */
  config: PretrainedConfig;
  /** Splits texts. */
  tokenizer: Tokenizer;
  /** The most tokens of a row. */
  maxLength: number;
  /** Where progress is told. */
  progress: Progress;
}

/** Tokens of texts; tells how many are empty, and how many had to be cut. */
export function prepareTexts(
  raw: RawTexts,
  { tokenizer, maxLength, progress }: Omit<Readers, "config">,
): Texts {
  const { path, texts, pairs } = raw;
  const empty = emptyRemark(raw);
  if (empty !== undefined) progress.say(empty);
  using stage = progress.stage("tokenizing", texts.length, "texts");
  const advance = (more: number) => stage.advance(more);
  const prepared = new Texts(tokenizer, texts, { pairs, maxLength, advance });
  const { cut } = prepared;
  if (cut > 0) {
    progress.say(
      `${count(cut)} of ${counted(texts.length, "row")} of ${path} cut to ` +
        `${maxLength} tokens`,
    );
  }
  return prepared;
}

/** Tokens and ids of examples. */
export function prepareExamples(raw: RawExamples, readers: Readers): Examples {
  const { config } = readers;
  return {
    source: raw,
    labels: isRegression(config)
      ? numbersOf(raw.labels, raw)
      : classIds(raw.labels, namesOf(config), raw),
    texts: prepareTexts(raw, readers),
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
        help:
          "Labelled texts: CSV, TSV or JSONL, also as .gz; - for standard input.",
      },
      ...COLUMN_OPTIONS,
      NO_PAIRS_OPTION,
      LABEL_OPTION,
      SKIP_OPTION,
      ...FILE_OPTIONS,
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
      QUIET_OPTION,
      { name: "help", help: "Print this." },
    ],
  },
  async run(args) {
    const source = args.needed("model");
    const options = scoreOptions(args);
    const wanted = args.integer("max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    checkInputs(args, "data", "temperature-fit");
    const data = await readNeeded(args, "data");
    const fitData = await readOptional(args, "temperature-fit");
    const known = await progress.during(
      `reading ${source}`,
      usableConfig(source),
    );
    if (fitData && isRegression(known)) {
      throw new TypeError(
        "Cannot use --temperature-fit: the model predicts numbers, not classes",
      );
    }
    const choice = { args, remembered: rememberedColumns(known) };
    const remark = columnsRemark(chooseColumns(data, choice), choice);
    if (remark !== undefined) progress.say(remark);
    const read = (table: Table) =>
      examplesOf(table, chooseColumns(table, choice), { args, progress });
    const examples = read(data);
    const fit = fitData && read(fitData);
    await openAdapter(progress);
    const classifier = await progress.during(
      `loading ${source}`,
      loadClassifier(source, args.text("tokenizer")),
    );
    const idle = posteriorRemark(args, classifier);
    if (idle !== undefined) progress.say(idle);
    const { model: { config }, tokenizer } = classifier;
    const maxLength = maxLengthOf(config, tokenizer, wanted);
    const readers = { config, tokenizer, maxLength, progress };
    const prepared = prepareExamples(examples, readers);
    const results = await evaluateAll(classifier, prepared, {
      ...options,
      fit: fit && prepareExamples(fit, readers),
      progress,
    });
    for (const remark of remarksOn(results)) progress.say(remark);
    const positive = f1Class(classifier);
    console.log(
      args.flag("json")
        ? JSON.stringify(
          {
            rows: examples.texts.length,
            cut: prepared.texts.cut,
            f1_class: positive ?? null,
            results,
          },
          null,
          2,
        )
        : renderScores(results, positive).trimEnd(),
    );
    return 0;
  },
};
