// Copyright 2026 the swagpu authors. MIT license.

// Finds the files of a model, in a folder or on the hub.

import type { LoadReport } from "../nn/mod.ts";
import { replacedFields } from "./class_names.ts";
import { readConfig } from "./config.ts";
import { ConfigReader } from "./files/config_reader.ts";
import {
  type ResolvedFiles,
  resolveFiles,
  type ResolveOptions,
} from "./files/hub.ts";
import { partsOf } from "./files/weights.ts";

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
 * that the options name.
 */
export async function resolveConfig(
  source: string,
  options: PretrainedOptions = {},
): Promise<ConfigReader> {
  const { folder } = await resolveFiles(source, options);
  const reader = await readConfig(folder);
  if (!options.config) return reader;
  return new ConfigReader(replacedFields(reader, options.config), reader);
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
