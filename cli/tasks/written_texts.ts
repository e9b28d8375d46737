// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes texts from texts, by the pipelines of the library: with the same defaults, and
 * what the model's files say of the task.
 *
 * @module
 */

import { Generator } from "../../engine/mod.ts";
import {
  type AutoModelForSeq2SeqLM,
  type GenerationOptions,
  pipeline,
  type PretrainedConfig,
  type Tokenizer,
} from "../../models/mod.ts";
import { batches } from "../../nn/mod.ts";
import type { Arguments, Option } from "../arguments.ts";

/** A model with an encoder and a decoder, of any architecture. */
export type WritingModel = Awaited<
  ReturnType<typeof AutoModelForSeq2SeqLM.fromPretrained>
>;

/** The names of the tasks. */
export type WritingTask = "translation" | "summarization";

/** The options of how texts are written that are also of use when measuring. */
export const WRITING_OPTIONS: readonly Option[] = [
  {
    name: "num-beams",
    value: "N",
    help: "Beams of the search for the best text (the model's, else 4).",
  },
  {
    name: "max-new-tokens",
    value: "N",
    help:
      "Most tokens of a written text (the model's, else --max-target-length " +
      "if it is given, else 256).",
  },
];

/** The other options of how texts are written. */
export const MORE_WRITING_OPTIONS: readonly Option[] = [
  {
    name: "min-new-tokens",
    value: "N",
    help: "Tokens before a text may end (the model's, else 0).",
  },
  {
    name: "length-penalty",
    value: "X",
    help:
      "Above 0 favors long texts among the beams, below 0 short ones (the " +
      "model's, else 1).",
  },
  {
    name: "no-repeat-ngram-size",
    value: "N",
    help:
      "Length of runs of tokens that may not repeat; 0 for none (the model's, " +
      "else 0).",
  },
  {
    name: "repetition-penalty",
    value: "X",
    help:
      "Above 1 makes tokens less likely that a text has already (the model's, " +
      "else 1).",
  },
  {
    name: "do-sample",
    help: "Draw tokens at random by their probability, decided by --seed.",
  },
  {
    name: "temperature",
    value: "X",
    help:
      "With --do-sample: below 1 favors probable tokens (the model's, else 1).",
  },
  {
    name: "top-k",
    value: "N",
    help:
      "With --do-sample: number of tokens to draw from (the model's, else 50).",
  },
  {
    name: "top-p",
    value: "X",
    help:
      "With --do-sample: draw from the most probable tokens that make up this " +
      "share (the model's, else 1).",
  },
];

/**
 * Reads the options of how texts are written. Those that are not given are left out.
 *
 * @throws {TypeError} If an option of drawing is given without `--do-sample`.
 * @throws {RangeError} If a number is out of range.
 */
export function writingOptions(
  args: Arguments,
  config: PretrainedConfig,
): GenerationOptions {
  const idle = ["temperature", "top-k", "top-p"].find((name) =>
    args.text(name) !== undefined
  );
  if (idle !== undefined && !args.flag("do-sample")) {
    throw new TypeError(
      `Cannot use --${idle} without --do-sample: no token is drawn then`,
    );
  }
  const most = args.integer("max-new-tokens", { min: 1 });
  if (most !== undefined && most > config.maxTokens) {
    throw new RangeError(
      `Cannot use --max-new-tokens ${most}: the model supports ` +
        `${config.maxTokens} positions`,
    );
  }
  const given = {
    numBeams: args.integer("num-beams", { min: 1 }),
    // Nobody wants to wait for texts that are longer than those to learn from.
    maxNewTokens: most ?? args.integer("max-target-length", { min: 1 }),
    minNewTokens: args.integer("min-new-tokens", { min: 0 }),
    lengthPenalty: args.number("length-penalty"),
    noRepeatNgramSize: args.integer("no-repeat-ngram-size", { min: 0 }),
    repetitionPenalty: args.number("repetition-penalty", {
      min: 0,
      above: true,
    }),
    doSample: args.flag("do-sample") || undefined,
    temperature: args.number("temperature", { min: 0, above: true }),
    topK: args.integer("top-k", { min: 0 }),
    topP: args.number("top-p", { min: 0, max: 1 }),
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
}

/** How to write texts. */
export interface WriteOptions {
  readonly task: WritingTask;
  readonly model: WritingModel;
  readonly tokenizer: Tokenizer;
  /** The most tokens of a source. */
  readonly maxLength: number;
  /** How many texts are written at a time. */
  readonly batchSize: number;
  /** The options of generation that replace the model's. */
  readonly generation: GenerationOptions;
  /** Decides what is drawn. */
  readonly seed: number;
  /** Called from time to time with how many more texts have been written. */
  readonly advance?: ((more: number) => void) | undefined;
}

/**
 * Writes a text from each source. What the model's configuration puts before sources
 * is put there; sources that are too long are cut. A blank source stays blank: models
 * make texts up for it.
 *
 * @throws {RangeError} If the scores of the model are not numbers.
 */
export async function writeTexts(
  sources: readonly string[],
  options: WriteOptions,
): Promise<string[]> {
  const { tokenizer, maxLength, batchSize, generation, seed, advance } =
    options;
  const write = await writer(options);
  const written = sources.map(() => "");
  const numbers = [...sources.keys()].filter((i) => sources[i]?.trim() !== "");
  const lengths = numbers.map((i) => sources[i]?.length ?? 0);
  const bucketBatches = Math.ceil(numbers.length / batchSize) || 1;
  const generator = new Generator(seed);
  const before = tokenizer.modelMaxLength;
  tokenizer.modelMaxLength = maxLength; // Pipelines cut sources to this length.
  try {
    advance?.(sources.length - numbers.length);
    const parts = batches(numbers.length, batchSize, {
      lengths,
      bucketBatches,
    });
    for (const part of parts) {
      const rows = Array.from(part, (i) => numbers[i] ?? 0);
      const texts = await write(rows.map((row) => sources[row] ?? ""), {
        ...generation,
        truncation: true,
        generator,
      });
      rows.forEach((row, i) => written[row] = texts[i] ?? "");
      advance?.(rows.length);
    }
  } finally {
    tokenizer.modelMaxLength = before;
  }
  return written;
}

type Write = (
  texts: readonly string[],
  options: GenerationOptions & { truncation: boolean; generator: Generator },
) => Promise<string[]>;

/** The pipeline of a task, as a function that gives texts. */
async function writer(
  { task, model, tokenizer, batchSize }: WriteOptions,
): Promise<Write> {
  const parts = { model, tokenizer };
  if (task === "translation") {
    const translate = await pipeline(task, parts, { batchSize });
    return async (texts, { numReturnSequences: _, ...options }) =>
      (await translate(texts, options)).map((one) => one.translationText);
  }
  const summarize = await pipeline(task, parts, { batchSize });
  return async (texts, { numReturnSequences: _, ...options }) =>
    (await summarize(texts, options)).map((one) => one.summaryText);
}
