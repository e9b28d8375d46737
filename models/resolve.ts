// Copyright 2026 the swagpu authors. MIT license.

// Finds the files of a model, in a folder or on the hub.

import type { LoadReport } from "../nn/mod.ts";
import { replacedFields } from "./class_names.ts";
import { readConfig, readConfigFile } from "./config.ts";
import { ConfigReader } from "./files/config_reader.ts";
import { resolveFiles, type ResolveOptions } from "./files/hub.ts";
import type { ResolvedFiles } from "./files/model_folder.ts";
import { partsOf } from "./files/weights.ts";
import { unwrapped, type Wrapper, wrapperOf } from "./wrapped.ts";

/** The file that says how a model generates. */
export const GENERATION_NAME = "generation_config.json";

/** Options of `fromPretrained`. */
export interface PretrainedOptions extends ResolveOptions {
  /**
   * Fields of `config.json` that take the place of those in the file; names are
   * in snake case.
   *
   * @default {{}}
   */
  config?: Readonly<Record<string, unknown>>;
  /**
   * Whether parameters whose shape differs from the checkpoint's get new random
   * values, instead of being refused.
   *
   * @default {false}
   */
  ignoreMismatchedSizes?: boolean;
  /**
   * Called with the names that did not match.
   *
   * @default {a line on the console if parameters are newly initialized}
   */
  onLoad?: (report: LoadReport) => void;
}

/**
 * Reads the `config.json` of a folder or hub model, and replaces the fields
 * that the options name. If the folder is one around a model, the fields are those
 * of the model.
 */
export async function resolveConfig(
  source: string,
  options: PretrainedOptions = {},
): Promise<ConfigReader> {
  const { folder } = await resolveFiles(source, options);
  const outer = await readConfig(folder);
  const wrapper = wrapperOf(outer);
  const own = wrapper && await ownFields(source, wrapper, options);
  const reader = unwrapped(outer, own);
  if (!options.config) return reader;
  return new ConfigReader(replacedFields(reader, options.config), reader);
}

/** The fields of the configuration beside the weights of a wrapped model. */
async function ownFields(
  source: string,
  { modelFolder }: Wrapper,
  options: PretrainedOptions,
): Promise<ConfigReader["fields"] | undefined> {
  const name = `${modelFolder}/config.json`;
  const { folder, files } = await resolveFiles(source, {
    ...options,
    files: [],
    optionalFiles: [name],
  });
  if (!files.includes(name)) return undefined;
  return (await readConfigFile(`${folder}/${name}`)).fields;
}

/** Finds the files of a wrapped model. */
export async function resolveWrapped(
  source: string,
  { files, modelFolder }: Wrapper,
  options: PretrainedOptions,
): Promise<ResolvedFiles> {
  return await resolveFiles(source, {
    ...options,
    files: ["config.json", ...files],
    optionalFiles: [`${modelFolder}/${GENERATION_NAME}`],
  });
}

/**
 * Finds the files of a folder or hub model, all parts of its weights included.
 */
export async function resolveModel(
  source: string,
  options: PretrainedOptions,
): Promise<ResolvedFiles> {
  const { files = [], optionalFiles: _, ...rest } = options;
  const needed = ["config.json", ...files];
  const found = await resolveFiles(source, { ...rest, files: needed });
  const parts = await partsOf(found.folder);
  if (parts.every((part) => found.files.includes(part))) return found;
  return await resolveFiles(source, { ...rest, files: [...needed, ...parts] });
}
