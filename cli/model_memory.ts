// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `info` tells of a model: its parameters, and the GPU memory that it, its
 * training and its posterior take. Nothing is allocated to find out.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import type { Device } from "../engine/mod.ts";
import {
  architectureOf,
  AutoConfig,
  type PretrainedConfig,
  readConfigFile,
  type Tasks,
} from "../models/mod.ts";
import { estimateTrainingMemory, type Module } from "../nn/mod.ts";
import { estimateMemory, type SwagOptions } from "../swag/mod.ts";
import { rows } from "./adapter_facts.ts";
import { count } from "../data/names.ts";
import { bytesText } from "./sizes.ts";

/** The names of tasks on the command line, and in the library. */
const TASKS = {
  "base": "base",
  "masked-lm": "maskedLM",
  "causal-lm": "causalLM",
  "seq2seq-lm": "seq2SeqLM",
  "sequence-classification": "sequenceClassification",
  "token-classification": "tokenClassification",
  "question-answering": "questionAnswering",
  "multiple-choice": "multipleChoice",
} as const satisfies Record<string, keyof Tasks>;

/** The name of a task on the command line. */
export type TaskName = keyof typeof TASKS;

/** The names of all tasks on the command line. */
export const TASK_NAMES = Object.keys(TASKS) as readonly TaskName[];

/** Which model to describe, and with which posterior. */
export interface ModelRequest {
  /** A folder, an id of the hub, or the path of a config.json. */
  source: string;
  /** The task; by default, the class that config.json names. */
  task: TaskName | undefined;
  /** The options of the posterior. */
  posterior: SwagOptions;
  /** The size that it should fit, and its bytes. */
  memory: { readonly text: string; readonly bytes: number } | undefined;
}

/** Bytes of what is there together, and whether they fit. */
export interface Total {
  readonly bytes: number;
  /** Whether they fit the memory that was named; `null` if none was. */
  readonly fits: boolean | null;
}

/** The figures of a model. All sizes are bytes. */
export interface ModelFacts {
  readonly source: string;
  readonly class: string;
  readonly model_type: string;
  readonly parameters: number;
  readonly largest_tensor: {
    readonly name: string;
    readonly shape: readonly number[];
    readonly bytes: number;
    /** How many bindings a kernel needs for it. */
    readonly bindings: number;
    /** Whether the device can hold it in a buffer. */
    readonly fits_buffer: boolean;
  };
  readonly memory: {
    readonly weights: number;
    readonly gradients: number;
    readonly optimizers: {
      readonly adamw: number;
      readonly sgd: number;
      readonly sgd_momentum: number;
    };
    readonly posterior: {
      readonly rank: number;
      readonly mean: number;
      readonly second_moment: number;
      readonly deviations: number;
      readonly tables: number;
      /** What the pool takes for all of these. */
      readonly total: number;
      /** The copy of the weights while the model holds a sample. */
      readonly kept_weights: number;
    };
  };
  /** The memory that was named. */
  readonly available: { readonly text: string; readonly bytes: number } | null;
  readonly totals: Readonly<Record<TotalName, Total>>;
}

/** What may be on the GPU together, by the words of the table. */
const TOTALS = {
  use: "Use",
  use_posterior: "Use with samples of the posterior",
  train_adamw: "Training with AdamW",
  train_adamw_posterior: "Training with AdamW and the posterior",
  train_sgd: "Training with SGD",
  train_sgd_posterior: "Training with SGD and the posterior",
} as const;

type TotalName = keyof typeof TOTALS;

/** Reads the configuration of a folder, a model of the hub, or a file. */
async function readModelConfig(source: string): Promise<PretrainedConfig> {
  if (await isFile(source)) {
    return AutoConfig.fromFields(await readConfigFile(source));
  }
  // Of a model of the hub, only the configuration is downloaded.
  return await AutoConfig.fromPretrained(source, { optionalFiles: [] });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await disk(path).stat(path)).isFile;
  } catch {
    return false; // Whoever reads it says why it cannot be read.
  }
}

/**
 * Builds the model of a configuration. Its parameters take no memory, because
 * nothing uses them.
 */
function buildModel(
  config: PretrainedConfig,
  task: TaskName | undefined,
): Module {
  const { models } = architectureOf(config.modelType);
  const named = Object.values(models).find(({ name }) =>
    config.architectures?.includes(name)
  );
  const modelClass = task === undefined
    ? named ?? models.base
    : models[TASKS[task]];
  if (modelClass) return new modelClass(config);
  const known = TASK_NAMES.filter((name) => models[TASKS[name]] !== undefined);
  throw new RangeError(
    `Cannot use --task ${
      task ?? "base"
    } with ${config.modelType}: it supports ` +
      known.join(", "),
  );
}

/**
 * Tells how large a model is, without allocating anything on the GPU.
 *
 * @throws {RangeError} If the model has no such task, or the posterior cannot be.
 */
export async function modelFacts(
  device: Device,
  { source, task, posterior, memory }: ModelRequest,
): Promise<ModelFacts> {
  const config = await readModelConfig(source);
  const model = buildModel(config, task);
  const named = [...model.namedParameters()];
  const [name, largest] = named.reduce((a, b) => b[1].size > a[1].size ? b : a);
  const { weights, gradients, adamW, sgd } = estimateTrainingMemory(model);
  const swag = estimateMemory(model, posterior);
  const fitsBuffer = largest.bytes <= device.gpu.limits.maxBufferSize;
  const total = (...parts: number[]): Total => {
    const bytes = parts.reduce((sum, part) => sum + part, 0);
    const fits = memory === undefined
      ? null
      : fitsBuffer && bytes <= memory.bytes;
    return { bytes, fits };
  };
  const { reserved, reservedKept } = swag;
  return {
    source,
    class: model.constructor.name,
    model_type: config.modelType,
    parameters: named.reduce((sum, [, { size }]) => sum + size, 0),
    largest_tensor: {
      name,
      shape: largest.shape,
      bytes: largest.bytes,
      bindings: Math.ceil(largest.bytes / device.maxBindingSize),
      fits_buffer: fitsBuffer,
    },
    memory: {
      weights,
      gradients,
      optimizers: { adamw: adamW, sgd, sgd_momentum: sgd },
      posterior: {
        rank: posterior.noCovMat ? 0 : posterior.maxNumModels ?? 0,
        mean: swag.mean,
        second_moment: swag.secondMoment,
        deviations: swag.deviations,
        tables: swag.tables,
        total: reserved,
        kept_weights: reservedKept,
      },
    },
    available: memory ?? null,
    totals: {
      use: total(weights),
      use_posterior: total(weights, reserved, reservedKept),
      train_adamw: total(weights, gradients, adamW),
      train_adamw_posterior: total(weights, gradients, adamW, reserved),
      train_sgd: total(weights, gradients, sgd),
      train_sgd_posterior: total(weights, gradients, sgd, reserved),
    },
  };
}

/** The lines about a model. */
export function modelLines(facts: ModelFacts, device: Device): string[] {
  const { memory, largest_tensor: largest, available, totals } = facts;
  const { posterior, optimizers } = memory;
  const rank = posterior.rank === 0
    ? "Posterior of variances only"
    : `Posterior of rank ${posterior.rank}`;
  const amounts = (list: readonly (readonly [string, number])[]) => {
    const texts = list.map(([, bytes]) => bytesText(bytes));
    const width = Math.max(...texts.map(({ length }) => length));
    return list.map(([name], i) =>
      [name, (texts[i] ?? "").padStart(width)] as const
    );
  };
  const names = Object.keys(TOTALS) as TotalName[];
  const sums = amounts(
    names.map((name) => [TOTALS[name], totals[name].bytes] as const),
  );
  const limit = bytesText(device.maxBindingSize);
  return [
    ...rows("Model", [
      ["Source", facts.source],
      ["Class", `${facts.class} (${facts.model_type})`],
      ["Parameters", count(facts.parameters)],
      [
        "Largest tensor",
        `${largest.name} ${`[${largest.shape.join(", ")}]`}, ${
          bytesText(largest.bytes)
        }`,
      ],
      [
        "",
        !largest.fits_buffer
          ? `which is more than the device's largest buffer of ${
            bytesText(device.gpu.limits.maxBufferSize)
          }`
          : largest.bindings > 1
          ? `which kernels take in ${largest.bindings} parts: a binding has ${limit}`
          : `which fits a binding of ${limit}`,
      ],
    ]),
    "",
    ...rows(
      "GPU memory",
      amounts([
        ["Weights", memory.weights],
        ["Gradients", memory.gradients],
        ["AdamW", optimizers.adamw],
        ["SGD", optimizers.sgd],
        ["SGD with momentum", optimizers.sgd_momentum],
        [rank, posterior.total],
      ]),
    ),
    "",
    ...rows(
      available === null
        ? "In total, without activations, which depend on the batch"
        : `In total, without activations; fits ${available.text}?`,
      sums.map(([label, value], i) => {
        const name = names[i];
        const fits = name && totals[name].fits;
        return [
          label,
          available === null ? value : `${value}  ${fits ? "yes" : "no"}`,
        ] as const;
      }),
    ),
  ];
}
