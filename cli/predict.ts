// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `predict`.
 *
 * @module
 */

import { initialize } from "../engine/mod.ts";
import { argmaxRows, softmaxRows, uncertaintyParts } from "../nn/mod.ts";
import type { Arguments, Command } from "./arguments.ts";
import {
  type Classifier,
  isRegression,
  loadClassifier,
  maxLengthOf,
  meanOf,
  memberProbabilities,
  posteriorScores,
  scoresOf,
} from "./classifier.ts";
import { MODEL_OPTIONS, scoreOptions } from "./evaluate.ts";
import { COLUMN_OPTIONS, type RawTexts, readTexts } from "./examples.ts";
import { namesOf } from "./labels.ts";
import { Texts } from "./texts.ts";

/** Texts that are read, scored and written at a time. */
const CHUNK = 4096;

async function inputs(args: Arguments): Promise<RawTexts> {
  const path = args.text("data");
  const texts = args.list("text");
  if ((path === undefined) === (texts.length === 0)) {
    throw new TypeError("Cannot predict: give either --data or --text");
  }
  return path === undefined
    ? { path: "--text", texts, pairs: undefined }
    : await readTexts(path, args);
}

type Line = Record<string, unknown>;

async function predictRows(
  { model, swag }: Classifier,
  texts: Texts,
  options: ReturnType<typeof scoreOptions>,
): Promise<Line[]> {
  const names = namesOf(model.config);
  const classes = names.length;
  const rows = Array.from({ length: texts.count }, (_, row) => row);
  const sampled = swag && options.samples > 0
    ? await posteriorScores(model, swag, texts, options)
    : undefined;
  const scores = sampled ?? [await scoresOf(model, texts, options)];
  if (isRegression(model.config)) {
    const mean = meanOf(scores);
    const square = meanOf(scores.map((sample) => sample.map((x) => x * x)));
    return rows.map((row) => {
      const value = mean[row] ?? NaN;
      const variance = Math.max(0, (square[row] ?? NaN) - value * value);
      return { value, ...sampled ? { std: Math.sqrt(variance) } : {} };
    });
  }
  const probabilities = meanOf(
    scores.map((sample) => softmaxRows(sample, { classes })),
  );
  const labels = argmaxRows(probabilities, { classes });
  const parts = sampled && uncertaintyParts(
    memberProbabilities(sampled, classes),
    { members: sampled.length, classes },
  );
  return rows.map((row) => ({
    label: names[labels[row] ?? 0],
    probabilities: Object.fromEntries(
      names.map((name, id) => [name, probabilities[row * classes + id]]),
    ),
    ...parts
      ? {
        entropy: parts.total[row],
        mutual_information: parts.mutualInformation[row],
      }
      : {},
  }));
}

/** Labels texts, a JSON line each. */
export const predict: Command = {
  name: "predict",
  summary: "Labels texts: a line of JSON each, with probabilities and, where " +
    "the folder holds a SWAG posterior, how unsure they are.",
  usage: "--model DIR (--data FILE | --text TEXT) [options]",
  options: {
    Data: [
      { name: "data", value: "FILE", help: "Texts: CSV, TSV or JSONL." },
      { name: "text", value: "TEXT", help: "A text.", repeatable: true },
      ...COLUMN_OPTIONS,
    ],
    Model: MODEL_OPTIONS,
    Result: [{ name: "help", help: "Print this." }],
  },
  async run(args) {
    const source = args.needed("model");
    const options = scoreOptions(args);
    const wanted = args.integer("max-length", { min: 1 });
    const { texts, pairs } = await inputs(args);
    await initialize();
    const classifier = await loadClassifier(source, args.text("tokenizer"));
    const { model: { config }, tokenizer } = classifier;
    const maxLength = maxLengthOf(config, tokenizer, wanted);
    for (let start = 0; start < texts.length; start += CHUNK) {
      const own = texts.slice(start, start + CHUNK);
      const encoded = new Texts(tokenizer, own, {
        pairs: pairs?.slice(start, start + CHUNK),
        maxLength,
      });
      const lines = await predictRows(classifier, encoded, options);
      console.log(
        lines.map((line, i) => JSON.stringify({ text: own[i], ...line }))
          .join("\n"),
      );
    }
    return 0;
  },
};
