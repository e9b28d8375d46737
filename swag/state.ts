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
  hasRowScales,
  ROW_SCALES_METADATA,
  rowScaledSources,
  type SafetensorsSource,
  type SavedDtype,
  type ScaledDtype,
  writeSafetensors,
} from "../nn/formats/mod.ts";
import type { Module } from "../nn/mod.ts";
import {
  blocksOf,
  DEVIATION_FORMATS,
  type DeviationFormat,
  store,
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
  /**
   * The type of the numbers in the file, for posteriors that are sent over a network;
   * all are in their own types again when they are loaded. The model's weights must be
   * saved with the same `dtype`. `"float16"` takes half the bytes; with `"int8"` means
   * and deviations take a quarter, and variances half. Matrices have a factor for each
   * row, deviations one for each 64 weights. Moments that are not finite are refused.
   *
   * @default "float32"
   */
  dtype?: SavedDtype;
}

/** A tensor of a file. */
type Named = [string, SafetensorsSource];

/** What is saved with the moments of a posterior, and how. */
export interface WritePosteriorOptions {
  /** How many samples have been drawn without a seed. */
  draws: number;
  /** The fingerprint of the base model's weights. */
  weights: string;
  /** Whether moments that are not finite are allowed; not in fewer bits. */
  allowNonFinite: boolean;
  /** The type of the numbers. */
  dtype: SavedDtype;
}

/**
 * Writes a posterior to a safetensors file, which appears when it is complete.
 *
 * @throws {RangeError} If a moment is not finite, unless that is allowed.
 */
export async function writePosterior(
  path: string,
  posterior: Posterior,
  { draws, weights, allowNonFinite, dtype }: WritePosteriorOptions,
): Promise<void> {
  const { settings, layout, rank, count } = posterior;
  const tensors: Named[] = [[COUNT, {
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
  const add = (
    name: string,
    shape: readonly number[],
    stored: ScaledDtype | "F32",
    read: () => Promise<ArrayLike<number>>,
  ) => {
    const data = async () => {
      const values = await read();
      if (!allowNonFinite || dtype !== "float32") {
        checkFinite(values, name, `Cannot save the posterior to ${path}`);
      }
      return values as Float32Array;
    };
    tensors.push(
      ...stored !== "F32" && hasRowScales(shape)
        ? rowScaledSources(name, { shape, dtype: stored, data })
        : [[name, { shape, dtype: "F32", data }] satisfies Named],
    );
  };
  const means = { float32: "F32", float16: "F16", int8: "I8" } as const;
  // The variances of a row differ by more than 8 bits tell apart.
  const squares = dtype === "float32" ? "F32" : "F16";
  const format = formatInFile(settings.deviations, dtype);
  for (const entry of layout.entries) {
    const { name, parameter: { shape, size } } = entry;
    const full = `${BASE}${name}`;
    add(
      full + MEAN,
      shape,
      means[dtype],
      async () => (await read(entry))?.mean ?? [],
    );
    if (entry.row === NONE) continue;
    add(
      full + SQUARES,
      shape,
      squares,
      async () => (await read(entry))?.squares ?? [],
    );
    if (layout.rows === 0) continue;
    const deviations = async () => {
      const { deviations } = await read(entry) ?? {};
      return deviations && store(deviations, format, size);
    };
    const none = new Float32Array();
    if (format === "f32") {
      add(
        full + DEVIATIONS,
        [rank, size],
        "F32",
        async () => (await deviations())?.values ?? none,
      );
      continue;
    }
    tensors.push([full + DEVIATIONS, {
      shape: [rank, size],
      dtype: DTYPES[format],
      data: async () => (await deviations())?.values ?? none,
    }]);
    add(
      full + SCALES,
      [rank, blocksOf(size)],
      "F32",
      async () => (await deviations())?.scales ?? none,
    );
  }
  // They are in the file all the same, for models that hold them as f32.
  for (const [name, parameter] of layout.fixed) {
    const { shape } = parameter;
    add(`${BASE}${name}${MEAN}`, shape, means[dtype], () => parameter.data());
  }
  await writeSafetensors(path, tensors, {
    metadata: {
      ...dtype === "float32" ? { format: "pt" } : ROW_SCALES_METADATA,
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

/** How deviations are stored in a file: never in more bits than in memory. */
function formatInFile(
  own: DeviationFormat,
  dtype: SavedDtype,
): DeviationFormat {
  if (dtype === "int8") return "int8";
  return dtype === "float16" && own === "f32" ? "f16" : own;
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
