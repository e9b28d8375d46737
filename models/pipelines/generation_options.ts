// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a model generates in a pipeline: the options of a call, a task's parameters
// in the configuration, and the task's defaults; and the rows that it continues.

import type { Generator } from "../../engine/mod.ts";
import type { TokenRow } from "../batch.ts";
import { toCamelCase } from "../files/config_reader.ts";
import { isObject } from "../files/json.ts";
import {
  GenerationConfig,
  type GenerationOptions,
  type UncertainGenerateOptions,
} from "../generation/mod.ts";
import type { AnyModel, CallOptions, PipelineSetup } from "./base.ts";
import { checkCount } from "./scores.ts";

/** Options of pipelines that generate, besides {@linkcode GenerationOptions}. */
export interface GenerationCallOptions
  extends
    CallOptions,
    GenerationOptions,
    Pick<UncertainGenerateOptions, "equivalent" | "utility"> {
  /** Whether the end of a text that is too long is dropped. @default {false} */
  truncation?: boolean | undefined;
  /**
   * Whether to remove the spaces before punctuation.
   *
   * @default {true for `text-generation`, else false}
   */
  cleanUpSpaces?: boolean | undefined;
  /**
   * The configuration, of which the other options replace fields. Where it is
   * given, the task's defaults do not apply.
   *
   * @default {the model's own, else the fields of its configuration}
   */
  generationConfig?: GenerationConfig | undefined;
  /** The source of random numbers. @default {the default generator} */
  generator?: Generator | undefined;
}

/** The options of a call, sorted by what they are for. */
export interface SplitOptions {
  /** The options of generation. */
  readonly generation: GenerationOptions;
  readonly truncation: boolean;
  readonly cleanUpSpaces: boolean | undefined;
  readonly generator: Generator | undefined;
  readonly batchSize: number;
  /** How texts are compared that samples of the weights have written. */
  readonly compare: Pick<UncertainGenerateOptions, "equivalent" | "utility">;
}

/** The parameters of a task, which a configuration may hold. */
export interface TaskParameters {
  /** The text that is put before every text. */
  readonly prefix: string;
  /** How to generate for the task. */
  readonly config: GenerationConfig;
  /** Whether the configuration was an option of the call. */
  readonly isGiven: boolean;
}

/** The defaults of a task. */
export type TaskDefaults =
  & Required<
    Pick<GenerationOptions, "maxNewTokens">
  >
  & GenerationOptions;

const STANDARD = new GenerationConfig();

/**
 * Finds the parameters of a task: the generation configuration of the call or the
 * model and, unless the call gives one, the model's `task_specific_params`, which
 * replace its fields.
 */
export function taskParameters(
  { task, model }: Pick<PipelineSetup<AnyModel>, "task" | "model">,
  given: GenerationConfig | undefined,
): TaskParameters {
  const fields = model.config.toJSON();
  const all = fields.task_specific_params;
  const specific = isObject(all) && isObject(all[task]) ? all[task] : {};
  const prefix = specific.prefix ?? fields.prefix;
  const config = given ?? model.generationConfig ??
    GenerationConfig.fromModelConfig(model.config);
  const own = Object.entries(specific)
    .map(([name, value]) => [toCamelCase(name), value] as const)
    .filter(([name]) => name in STANDARD);
  return {
    prefix: typeof prefix === "string" ? prefix : "",
    config: given ?? config.with(Object.fromEntries(own)),
    isGiven: given !== undefined,
  };
}

/**
 * Adds the task's defaults to a call's options, unless the model replaces them.
 */
export function withDefaults(
  options: GenerationOptions,
  { config, isGiven }: TaskParameters,
  { maxNewTokens, ...defaults }: TaskDefaults,
): GenerationOptions {
  if (isGiven) return options;
  const unsaid = Object.entries(defaults).filter(([name]) =>
    Reflect.get(config, name) === Reflect.get(STANDARD, name)
  );
  const hasLength = config.maxNewTokens !== null || "maxLength" in options ||
    config.maxLength !== STANDARD.maxLength;
  return {
    ...Object.fromEntries(unsaid),
    ...hasLength ? {} : { maxNewTokens },
    ...options,
  };
}

/** Sorts the options of a call. */
export function splitOptions(
  options: GenerationCallOptions,
  setup: Pick<PipelineSetup<AnyModel>, "batchSize" | "sampled">,
): SplitOptions {
  const {
    batchSize = setup.batchSize,
    truncation = false,
    cleanUpSpaces,
    generator,
    generationConfig: _,
    equivalent,
    utility,
    ...generation
  } = options;
  for (const [name, value] of Object.entries({ equivalent, utility })) {
    if (value === undefined || setup.sampled) continue;
    throw new TypeError(
      `Cannot use ${name} without a posterior: it compares the texts of samples`,
    );
  }
  checkCount("numReturnSequences", generation.numReturnSequences ?? 1);
  const compare = { equivalent, utility };
  return {
    batchSize,
    truncation,
    cleanUpSpaces,
    generator,
    generation,
    compare,
  };
}

/** Pads rows to the same length, and masks the padding. */
export function padRows(
  rows: readonly (TokenRow | undefined)[],
  { length, padding, side }: {
    length: number;
    padding: number;
    side: "left" | "right";
  },
): { inputIds: number[][]; attentionMask: number[][] } {
  const filled = rows.map((row) => {
    const ids = row?.inputIds ?? [];
    const fill = new Array<number>(length - ids.length).fill(padding);
    const none = fill.map(() => 0);
    const ones = ids.map(() => 1);
    return side === "left"
      ? { ids: [...fill, ...ids], mask: [...none, ...ones] }
      : { ids: [...ids, ...fill], mask: [...ones, ...none] };
  });
  return {
    inputIds: filled.map(({ ids }) => ids),
    attentionMask: filled.map(({ mask }) => mask),
  };
}
