// Copyright 2026 the swagpu authors. MIT license.

import { Arguments, type Command } from "../../../cli/arguments.ts";
import type { TextModel } from "../../../cli/classifier.ts";
import { STANDARD_OUTPUT } from "../../../cli/runtime.ts";
import { saveLoaded } from "../../../cli/save.ts";
import type { LabeledTexts } from "../../../cli/tasks/labeled_texts.ts";
import type {
  TaskContext,
  TaskTrainerOptions,
} from "../../../cli/tasks/task.ts";
import { textClassification as task } from "../../../cli/tasks/text_classification.ts";
import type { TextRow } from "../../../cli/tasks/text_rows.ts";
import { initialize, manualSeed } from "../../../engine/mod.ts";
import {
  AutoConfig,
  type PretrainedConfig,
  Tokenizer,
} from "../../../models/mod.ts";
import { Trainer } from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { contextOf, listener } from "./_task.ts";

const WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the film was bad dull good fine";

/** A small model, before it knows the labels. */
export const TINY = {
  model_type: "bert",
  vocab_size: 12,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 16,
  initializer_range: 0.2,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
};

/** Writes a file: CSV as it is given, or rows as lines of JSON. */
export async function write(
  folder: string,
  name: string,
  content: string | readonly object[],
): Promise<string> {
  const path = `${folder}/${name}`;
  const text = typeof content === "string"
    ? content
    : content.map((row) => JSON.stringify(row) + "\n").join("");
  await Deno.writeTextFile(path, text);
  return path;
}

/** What is known of a file and of the model that will learn from it. */
export interface Prepared extends TaskContext {
  tokenizer: Tokenizer;
  maxLength: number;
  data: LabeledTexts;
  /** The fields of config.json that follow from the data. */
  fields: Record<string, unknown>;
  config: PretrainedConfig;
  rows: TextRow[];
  trainerOptions: TaskTrainerOptions;
  /** What was said on standard error. */
  said: string;
}

/** Reads and prepares a file, as `finetune` does before it makes a model. */
export function prepared(
  path: string,
  ...options: string[]
): Promise<Prepared> {
  return preparedFor(TINY, path, ...options);
}

/** The same for a model of which the configuration has some fields. */
export async function preparedFor(
  model: Record<string, unknown>,
  path: string,
  ...options: string[]
): Promise<Prepared> {
  const heard = listener();
  const context = contextOf(task, ["--data", path, ...options], heard);
  const { args, progress } = context;
  const tokenizer = new Tokenizer(
    new Map([["vocab.txt", WORDS.replaceAll(" ", "\n")]]),
  );
  const data = await task.read("data", context);
  const before = AutoConfig.fromFields(model);
  const fields = task.configFields(data, { ...context, config: before });
  const config = AutoConfig.fromFields({ ...model, ...fields });
  const maxLength = 16;
  const rows = task.prepare(data, {
    ...context,
    config,
    tokenizer,
    maxLength,
    isTraining: true,
  });
  const trainerOptions = task.trainerOptions?.(rows, { ...context, config }) ??
    {};
  return {
    ...{ args, progress, tokenizer, data, fields, config, rows, maxLength },
    trainerOptions,
    said: heard.said.map((line) => `${line}\n`).join(""),
  };
}

/** Trains a small model with a posterior on a file, and saves it. */
export async function trained(
  output: string,
  path: string,
  { options = [], steps }: { options?: string[]; steps: number },
): Promise<Prepared & { model: TextModel; swag: SwagModel }> {
  await initialize();
  manualSeed(1);
  const start = await prepared(path, ...options);
  const { config, rows, trainerOptions, args, progress } = start;
  const { tokenizer, maxLength } = start;
  const model = task.auto.fromConfig(config);
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  const trainer = new Trainer({
    model,
    args: {
      maxSteps: steps,
      perDeviceTrainBatchSize: 8,
      learningRate: 0.01,
    },
    trainDataset: rows,
    dataCollator: task.collator({
      ...{ args, progress, model, tokenizer, maxLength },
      epoch: () => 0,
    }),
    ...trainerOptions,
    callbacks: [{
      onStepEnd({ state }) {
        if (state.globalStep > steps - 3) swag.collectModel();
      },
    }],
  });
  await trainer.train();
  await saveLoaded(output, { model, tokenizer, swag });
  return { ...start, model, swag };
}

/** Runs a command in this process, and gives what it prints. */
export async function printed(
  command: Command,
  ...options: string[]
): Promise<string> {
  const { write } = STANDARD_OUTPUT;
  const decoder = new TextDecoder();
  let out = "";
  STANDARD_OUTPUT.write = (bytes) => {
    out += decoder.decode(bytes, { stream: true });
    return Promise.resolve(true);
  };
  try {
    await command.run(new Arguments(command, ["--quiet", ...options]));
  } finally {
    STANDARD_OUTPUT.write = write;
  }
  return out;
}
