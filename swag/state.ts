// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Saving posteriors to files, and reading their options. The names of the tensors are those of
 * the original library's state dictionary, with one difference: it keeps the mean of
 * squares, from which 32 bits cannot recover a small variance, so these files keep
 * the sum of squared differences from the mean instead.
 *
 * @module
 */

import {
  checkFinite,
  exists,
  folderOf,
  type SafetensorsDtype,
  type SafetensorsSource,
  type SafetensorsValues,
  writeSafetensors,
} from "../nn/formats/mod.ts";
import type { Module } from "../nn/mod.ts";
import {
  blocksOf,
  DEVIATION_FORMATS,
  type DeviationFormat,
} from "./deviation_format.ts";
import { fingerprint } from "./fingerprint.ts";
import { type Entry, NONE } from "./layout.ts";
import {
  BASE,
  COUNT,
  DEVIATIONS,
  DTYPES,
  MEAN,
  SCALES,
  SQUARES,
} from "./moment_source.ts";
import type { RawMoments } from "./moments.ts";
import type { Posterior } from "./posterior.ts";
import type { SwagOptions } from "./settings.ts";

/** The metadata field that holds the options. */
const FIELD = "swag";
/** The metadata field that holds the fingerprint of the model's weights. */
const WEIGHTS_FIELD = "swag_weights";

/** Options of {@linkcode SwagModel.load}. */
export interface LoadSwagOptions {
  /**
   * Whether to refuse a posterior that was saved with other weights than the model
   * has. Samples overwrite the model's weights, so they do not matter if only samples
   * are used. But beside a model's files, other weights mean that files of two models
   * were mixed up.
   *
   * @default {whether `model.safetensors` or its index is in the same folder}
   */
  sameWeights?: boolean;
}

/** Options of {@linkcode SwagModel.save}. */
export interface SaveSwagOptions {
  /**
   * Whether to save moments that are NaN or infinite, instead of throwing an error.
   *
   * @default {false}
   */
  allowNonFinite?: boolean;
}

/** What is saved with the moments of a posterior, and how. */
export interface WritePosteriorOptions {
  /** How many samples have been drawn without a seed. */
  draws: number;
  /** The fingerprint of the base model's weights. */
  weights: string;
  /** Whether moments that are not finite are allowed. */
  allowNonFinite: boolean;
}

/**
 * Writes a posterior to a safetensors file, which appears when it is complete.
 *
 * @throws {RangeError} If a moment is not finite, unless that is allowed.
 */
export async function writePosterior(
  path: string,
  posterior: Posterior,
  { draws, weights, allowNonFinite }: WritePosteriorOptions,
): Promise<void> {
  const { settings, layout, rank, count } = posterior;
  const tensors: [string, SafetensorsSource][] = [[COUNT, {
    shape: [1],
    dtype: "I64",
    data: new Int32Array([count]),
  }]];
  // Tensors are written one after the other. Those of one parameter share one read,
  // and the moments of only one parameter are in memory.
  let last:
    | { entry: Entry; moments: Promise<RawMoments | undefined> }
    | undefined;
  const read = (entry: Entry) => {
    if (last?.entry !== entry) {
      last = { entry, moments: posterior.read([entry]).then(([m]) => m) };
    }
    return last.moments;
  };
  for (const entry of layout.entries) {
    const { name, parameter: { shape, size } } = entry;
    const add = (
      suffix: string,
      shape: readonly number[],
      pick: (moments?: RawMoments) => SafetensorsValues | undefined,
      dtype: SafetensorsDtype = "F32",
    ) =>
      tensors.push([`${BASE}${name}${suffix}`, {
        shape,
        dtype,
        data: async () => {
          const values = pick(await read(entry)) ?? new Float32Array();
          if (!allowNonFinite && dtype === "F32") {
            const full = `${BASE}${name}${suffix}`;
            checkFinite(
              values as Float32Array,
              full,
              `Cannot save the posterior to ${path}`,
            );
          }
          return values;
        },
      }]);
    add(MEAN, shape, (m) => m?.mean);
    if (entry.row === NONE) continue;
    add(SQUARES, shape, (m) => m?.squares);
    if (layout.rows === 0) continue;
    const dtype = DTYPES[settings.deviations];
    add(DEVIATIONS, [rank, size], (m) => m?.deviations?.values, dtype);
    if (settings.deviations === "f32") continue;
    add(SCALES, [rank, blocksOf(size)], (m) => m?.deviations?.scales);
  }
  // They are in the file all the same, for models that hold them as f32.
  for (const [name, parameter] of layout.fixed) {
    tensors.push([`${BASE}${name}${MEAN}`, {
      shape: parameter.shape,
      dtype: "F32",
      data: () => parameter.data(),
    }]);
  }
  await writeSafetensors(path, tensors, {
    metadata: {
      format: "pt",
      [FIELD]: JSON.stringify({
        no_cov_mat: settings.noCovMat,
        max_num_models: settings.maxNumModels,
        deviations: settings.deviations,
        var_clamp: settings.varClamp,
        module_prefix_list: settings.modulePrefixList ?? null,
        normalize: settings.normalize,
        draws,
      }),
      [WEIGHTS_FIELD]: weights,
    },
  });
}

/**
 * Reads the options from a file's metadata.
 *
 * @throws {SyntaxError} If they are missing or malformed.
 */
export function readOptions(
  metadata: Readonly<Record<string, string>>,
  path: string,
): { options: SwagOptions; draws: number } {
  const text = metadata[FIELD];
  if (text === undefined) {
    throw new SyntaxError(
      `Cannot load ${path}: its metadata has no "${FIELD}" field; read the ` +
        "original library's files with importState()",
    );
  }
  const wrong = (what: string) =>
    new SyntaxError(`Cannot load ${path}: ${what} in its "${FIELD}" metadata`);
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(wrong("invalid JSON").message, { cause });
  }
  if (typeof fields !== "object" || fields === null) {
    throw wrong("there is no object");
  }
  const {
    no_cov_mat: noCovMat,
    max_num_models: maxNumModels,
    deviations = "f32", // Earlier versions had no other.
    var_clamp: varClamp,
    module_prefix_list: prefixes,
    normalize,
    draws,
  } = fields;
  if (typeof noCovMat !== "boolean") {
    throw wrong("no_cov_mat is not a boolean");
  }
  if (typeof maxNumModels !== "number") {
    throw wrong("max_num_models is not a number");
  }
  if (!isFormat(deviations)) {
    throw wrong(`deviations is none of ${DEVIATION_FORMATS.join(", ")}`);
  }
  if (typeof varClamp !== "number") throw wrong("var_clamp is not a number");
  if (normalize !== "rank" && normalize !== "capacity") {
    throw wrong("normalize is neither rank nor capacity");
  }
  if (!Number.isSafeInteger(draws)) throw wrong("draws is not a whole number");
  if (prefixes !== null && !isTexts(prefixes)) {
    throw wrong("module_prefix_list is not a list of texts");
  }
  const modulePrefixList = prefixes ?? undefined;
  return {
    options: {
      noCovMat,
      maxNumModels,
      deviations,
      varClamp,
      modulePrefixList,
      normalize,
    },
    draws: draws as number,
  };
}

/** Whether a posterior's file is in the same folder as a model's weights. */
export async function isBesideWeights(path: string): Promise<boolean> {
  const folder = folderOf(path);
  return await exists(`${folder}/model.safetensors`) ||
    await exists(`${folder}/model.safetensors.index.json`);
}

/**
 * Refuses a posterior that belongs to other weights than the model has. Files of
 * earlier versions do not say which weights they belong to: they are accepted with a
 * warning.
 *
 * @throws {TypeError} If the weights differ.
 */
export async function checkWeights(
  metadata: Readonly<Record<string, string>>,
  path: string,
  model: Module,
): Promise<void> {
  const expected = metadata[WEIGHTS_FIELD];
  if (expected === undefined) {
    // deno-lint-ignore no-console -- the user must learn that nothing was checked
    console.warn(
      `${path} does not say which weights it belongs to, because an earlier ` +
        "version saved it: make sure that they are the model's, and save it again",
    );
  } else if (await fingerprint(model) !== expected) {
    throw new TypeError(
      `Cannot load ${path}: the posterior belongs to other weights than the ` +
        "model's; load those that it was saved with, or accept any by " +
        "sameWeights: false",
    );
  }
}

function isFormat(value: unknown): value is DeviationFormat {
  return DEVIATION_FORMATS.some((format) => format === value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((x) => typeof x === "string");
}
