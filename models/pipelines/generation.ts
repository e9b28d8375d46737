// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a model generates in a pipeline, and the rows that it is given.

import type { Generator } from "../../engine/mod.ts";
import {
  GenerationConfig,
  type GenerationOptions,
} from "../generation/generation_config.ts";
import type { TokenRow } from "../batch.ts";
import type { AnyModel, CallOptions, PipelineSetup } from "./types.ts";

/** Options of pipelines that generate; {@linkcode GenerationOptions} beside them. */
export interface GenerationCallOptions extends CallOptions, GenerationOptions {
  /** Whether a text that is too long loses its end. @default {false} */
  truncation?: boolean | undefined;
  /**
   * Whether to take out the spaces before punctuation.
   *
   * @default {true for `text-generation`, else false}
   */
  cleanUpSpaces?: boolean | undefined;
  /**
   * What the other options replace fields of; the task's defaults do not count
   * then.
   *
   * @default {the model's, or what its configuration says}
   */
  generationConfig?: GenerationConfig | undefined;
  /** Where random numbers come from. @default {the default generator} */
  generator?: Generator | undefined;
}

/** What the options of a call are for. */
export interface SplitOptions {
  /** What says how to generate. */
  readonly generation: GenerationOptions;
  readonly truncation: boolean;
  readonly cleanUpSpaces: boolean | undefined;
  readonly generator: Generator | undefined;
  readonly batchSize: number;
}

/** A task's own parameters, which a configuration may hold. */
export interface TaskParameters {
  /** What stands before every text. */
  readonly prefix: string;
  /** How to generate for the task. */
  readonly config: GenerationConfig;
  /** Whether the call said so. */
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
 * How to generate for a task. What the model says stands above the task's
 * defaults, and what it says of the task above that.
 */
export function taskParameters(
  { task, model }: Pick<PipelineSetup<AnyModel>, "task" | "model">,
  given: GenerationConfig | undefined,
): TaskParameters {
  const fields = model.config.toJSON();
  const all = fields.task_specific_params;
  const specific = isFields(all) && isFields(all[task]) ? all[task] : {};
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

/** A call's options, and the task's defaults that nothing replaces. */
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

/** What a call's options say of generation, and the rest. */
export function splitOptions(
  options: GenerationCallOptions,
  setup: Pick<PipelineSetup<AnyModel>, "batchSize">,
): SplitOptions {
  const {
    batchSize = setup.batchSize,
    truncation = false,
    cleanUpSpaces,
    generator,
    generationConfig: _,
    ...generation
  } = options;
  return { batchSize, truncation, cleanUpSpaces, generator, generation };
}

/** Rows of equal length, and which of their tokens count. */
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

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, next: string) => next.toUpperCase());
}
