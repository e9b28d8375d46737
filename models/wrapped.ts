// Copyright 2026 the swagpu authors. MIT license.

/**
 * Folders that hold more than a model: one around which something else was saved,
 * such as a posterior over its weights. Their `config.json` has a `model_type` with
 * a prefix, such as `swag_bert`, and the model's own configuration in a field. One
 * call of {@linkcode registerWrapper} says how such folders are loaded.
 *
 * @module
 */

import type { Module } from "../nn/mod.ts";
import { ConfigReader } from "./files/config_reader.ts";
import { isObject } from "./files/json.ts";
import type { WeightPosterior } from "./weight_samples.ts";

/** A model, and the distribution over its weights that was saved around it. */
export interface WrappedModel<M> extends WeightPosterior, Disposable {
  /** The model. Disposing of what is around it leaves it as it is. */
  readonly base: M;
}

/** How folders are loaded whose `model_type` has a certain prefix. */
export interface Wrapper {
  /** The field of `config.json` that holds the configuration of the model. */
  readonly configField: string;
  /**
   * The folder, inside the other, with files of the model as it saves itself. Of
   * these, its `generation_config.json` is read, and the name of its class where the
   * field says none.
   */
  readonly modelFolder: string;
  /** The files, besides `config.json`, that `load` reads. */
  readonly files: readonly string[];
  /**
   * Loads a folder.
   *
   * @param folder A folder that holds all files.
   * @param build Builds the model, without weights.
   * @returns The model with its weights, and what is around it.
   */
  load<M extends Module>(
    folder: string,
    build: () => M,
  ): Promise<WrappedModel<M>>;
}

const wrappers = new Map<string, Wrapper>();

/**
 * Adds a kind of folder to those that models, the `Auto…` classes, pipelines and
 * the command line can load.
 *
 * @param prefix What `model_type` begins with, before the type of the model.
 * @param wrapper How such folders are loaded.
 * @throws {RangeError} If the prefix is taken.
 *
 * @example A folder with a configuration around that of a model
 * ```ts
 * import { AutoConfig, registerWrapper } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * registerWrapper("boxed_", {
 *   configField: "contents",
 *   modelFolder: "model",
 *   files: [],
 *   load: () => Promise.reject(new Error("this example has no weights")),
 * });
 * const config = AutoConfig.fromFields({
 *   model_type: "boxed_bart",
 *   contents: { model_type: "bart", d_model: 32 },
 * });
 * assertEquals([config.constructor.name, config.modelType], ["BartConfig", "bart"]);
 * ```
 */
export function registerWrapper(prefix: string, wrapper: Wrapper): void {
  if (wrappers.has(prefix)) {
    throw new RangeError(
      `Cannot register the wrapper "${prefix}": the prefix is taken`,
    );
  }
  wrappers.set(prefix, wrapper);
}

/** The wrapper of a configuration; `undefined` for that of a plain model. */
export function wrapperOf(reader: ConfigReader): Wrapper | undefined {
  const { model_type: type } = reader.fields;
  if (typeof type !== "string") return undefined;
  const [, wrapper] =
    [...wrappers].find(([prefix]) => type.startsWith(prefix)) ?? [];
  return wrapper;
}

/**
 * The configuration of the model itself: that inside, if the configuration is one
 * around it, else the same.
 *
 * @param reader The fields of a folder's `config.json`.
 * @param own The fields of the file in the wrapper's `modelFolder`, if there is one.
 * @throws {SyntaxError} If the field that should hold it does not.
 */
export function unwrapped(
  reader: ConfigReader,
  own: Readonly<Record<string, unknown>> = {},
): ConfigReader {
  const wrapper = wrapperOf(reader);
  if (!wrapper) return reader;
  const { source, fields: { [wrapper.configField]: inner } } = reader;
  if (!isObject(inner)) {
    throw new SyntaxError(
      `Cannot read ${source}: it has no ${wrapper.configField}, which holds ` +
        "the configuration of the model",
    );
  }
  const architectures = inner.architectures ?? own.architectures;
  return new ConfigReader(
    { ...inner, ...architectures === undefined ? {} : { architectures } },
    { source: `${wrapper.configField} of ${source}`, floats: reader.floats },
  );
}
