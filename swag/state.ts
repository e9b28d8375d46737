// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Posteriors as named tensors. Names are those of the original library's state
// dictionary; where it keeps the mean of squares, from which 32 bits cannot get
// the variance back, ours keep the sum of squared differences from the mean.

import { formatShape, sameShape } from "../engine/kernel_kit.ts";
import {
  checkFinite,
  exists,
  folderOf,
  type SafetensorsSource,
  writeSafetensors,
} from "../nn/formats/mod.ts";
import type { Module } from "../nn/mod.ts";
import { fingerprint } from "./fingerprint.ts";
import { type Entry, NONE } from "./layout.ts";
import type { RawMoments } from "./moments.ts";
import type { Posterior } from "./posterior.ts";
import type { SwagOptions, SwagSettings } from "./settings.ts";

/** Before every parameter's name. */
const BASE = "swag.base.";
const COUNT = "swag.n_models";
const COUNT_SHAPE: [string, readonly number[]] = [COUNT, [1]];
const MEAN = "_mean";
const SQUARES = "_sq_dev_sum";
const SQUARE_MEAN = "_sq_mean";
const DEVIATIONS = "_cov_mat_sqrt";

/** The field of the file's metadata that holds the settings. */
const FIELD = "swag";
/** The field that holds the fingerprint of the weights it belongs to. */
const WEIGHTS_FIELD = "swag_weights";

/** Where moments are read from: a safetensors file, in memory or on disk. */
export interface MomentSource {
  /** The names of all tensors. */
  readonly names: Iterable<string>;
  /** The shape of a tensor. */
  info(name: string): { readonly shape: readonly number[] };
  /** Reads the elements of a tensor. */
  tensor(name: string): MomentValues | Promise<MomentValues>;
}

/** Options of `SwagModel.load`. */
export interface LoadSwagOptions {
  /**
   * Whether a posterior that was saved with other weights than the model's is
   * refused. Samples overwrite the model's weights, so that any will do where
   * only samples are used; but beside a model's files, other weights mean that
   * files of two models were mixed.
   *
   * @default {whether `model.safetensors` or its index is in the same folder}
   */
  sameWeights?: boolean;
}

/** Options of `SwagModel.save`. */
export interface SaveSwagOptions {
  /**
   * Whether moments that are NaN or infinite are saved, and not refused.
   *
   * @default {false}
   */
  allowNonFinite?: boolean;
}

/** The elements of a tensor of a {@linkcode MomentSource}. */
export interface MomentValues {
  /** Row by row. */
  readonly data: ArrayLike<number>;
}

/** What a posterior's file says beside its moments. */
export interface WritePosteriorOptions {
  /** Samples that were drawn without a seed. */
  draws: number;
  /** The fingerprint of the base model's weights. */
  weights: string;
  /** Whether to write moments that are not finite. */
  allowNonFinite: boolean;
}

/**
 * Writes a posterior to a safetensors file, atomically.
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
  // The file asks for one tensor after the other; those of a parameter share
  // one read, and only one parameter's are held.
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
      pick: (moments?: RawMoments) => Float32Array<ArrayBuffer> | undefined,
    ) =>
      tensors.push([`${BASE}${name}${suffix}`, {
        shape,
        dtype: "F32",
        data: async () => {
          const values = pick(await read(entry)) ?? new Float32Array();
          if (!allowNonFinite) {
            const full = `${BASE}${name}${suffix}`;
            checkFinite(values, full, `Cannot save the posterior to ${path}`);
          }
          return values;
        },
      }]);
    add(MEAN, shape, (m) => m?.mean);
    if (entry.row === NONE) continue;
    add(SQUARES, shape, (m) => m?.squares);
    if (layout.rows > 0) add(DEVIATIONS, [rank, size], (m) => m?.deviations);
  }
  await writeSafetensors(path, tensors, {
    metadata: {
      format: "pt",
      [FIELD]: JSON.stringify({
        no_cov_mat: settings.noCovMat,
        max_num_models: settings.maxNumModels,
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
 * The options in a file's metadata.
 *
 * @throws {SyntaxError} If they are absent or malformed.
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
  if (typeof fields !== "object" || fields === null) throw wrong("no object");
  const {
    no_cov_mat: noCovMat,
    max_num_models: maxNumModels,
    var_clamp: varClamp,
    module_prefix_list: prefixes,
    normalize,
    draws,
  } = fields;
  if (typeof noCovMat !== "boolean") throw wrong("no_cov_mat is no boolean");
  if (typeof maxNumModels !== "number") {
    throw wrong("max_num_models is no number");
  }
  if (typeof varClamp !== "number") throw wrong("var_clamp is no number");
  if (normalize !== "rank" && normalize !== "capacity") {
    throw wrong("normalize is neither rank nor capacity");
  }
  if (!Number.isSafeInteger(draws)) throw wrong("draws is no number");
  if (prefixes !== null && !isTexts(prefixes)) {
    throw wrong("module_prefix_list is no list of texts");
  }
  const modulePrefixList = prefixes ?? undefined;
  return {
    options: { noCovMat, maxNumModels, varClamp, modulePrefixList, normalize },
    draws: draws as number,
  };
}

/** Whether a posterior's file lies in the folder of a model's weights. */
export async function isBesideWeights(path: string): Promise<boolean> {
  const folder = folderOf(path);
  return await exists(`${folder}/model.safetensors`) ||
    await exists(`${folder}/model.safetensors.index.json`);
}

/**
 * Refuses a posterior that belongs to other weights than a model's. One that was
 * saved before files named their weights is taken, with a warning.
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
    // deno-lint-ignore no-console -- nothing else would tell of what is not checked
    console.warn(
      `${path} does not say which weights it belongs to, as an earlier ` +
        "version saved it: make sure that they are the model's, and save again",
    );
  } else if (await fingerprint(model) !== expected) {
    throw new TypeError(
      `Cannot load ${path}: the posterior belongs to other weights than the ` +
        "model's; load those that it was saved with, or say that any will do " +
        "by sameWeights: false",
    );
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((x) => typeof x === "string");
}

/**
 * Overwrites a posterior's moments.
 *
 * @throws {TypeError} If a tensor is missing or has another shape.
 * @throws {RangeError} If there are more deviations than the posterior keeps.
 */
export async function readMoments(
  posterior: Posterior,
  source: MomentSource,
): Promise<void> {
  const names = new Set(source.names);
  const { layout, settings } = posterior;
  const rank = rankOf(posterior, source, names);
  const plans = layout.entries.map((entry) => {
    const { name, row, parameter: { shape, size } } = entry;
    const path = `${BASE}${name}`;
    const original = names.has(path + SQUARE_MEAN) &&
      !names.has(path + SQUARES);
    const wanted: [string, readonly number[]][] = [[path + MEAN, shape]];
    if (row !== NONE) {
      wanted.push([path + (original ? SQUARE_MEAN : SQUARES), shape]);
      if (layout.rows > 0) wanted.push([path + DEVIATIONS, [rank, size]]);
    }
    return { entry, original, wanted };
  });
  // Everything is checked before anything is overwritten.
  for (
    const [name, shape] of [...plans.flatMap((p) => p.wanted), COUNT_SHAPE]
  ) {
    const found = names.has(name) ? source.info(name).shape : undefined;
    if (found && sameShape(found, shape)) continue;
    throw new TypeError(
      `Cannot read the posterior: "${name}" is ${
        found ? formatShape(found) : "missing"
      }, expected ${formatShape(shape)}`,
    );
  }
  const take = async (name: string) =>
    Float32Array.from((await source.tensor(name)).data);
  const count = Number((await source.tensor(COUNT)).data[0]);
  checkCounts(count, rank, settings);
  posterior.restart(count, rank);
  for (const { entry, original, wanted: [first, second, third] } of plans) {
    const mean = await take(first?.[0] ?? "");
    let squares = second && await take(second[0]);
    if (original) {
      // Rounded as the original rounds, so that its samples are met.
      squares = squares?.map((square, i) =>
        count * Math.max(square - Math.fround((mean[i] ?? 0) ** 2), 0)
      );
    }
    const deviations = third && await take(third[0]);
    posterior.write(entry, { mean, squares, deviations });
  }
}

/** The rows of deviations in a source, by the first random parameter's. */
function rankOf(
  { layout: { entries, rows } }: Posterior,
  source: MomentSource,
  names: ReadonlySet<string>,
): number {
  const first = entries.find(({ row }) => row !== NONE);
  const name = `${BASE}${first?.name}${DEVIATIONS}`;
  if (rows === 0 || !names.has(name)) return 0;
  return source.info(name).shape[0] ?? 0;
}

function checkCounts(
  count: number,
  rank: number,
  settings: SwagSettings,
): void {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new TypeError(
      `Cannot read the posterior: ${count} is not a number of collections`,
    );
  }
  if (!settings.noCovMat && rank > settings.maxNumModels) {
    throw new RangeError(
      `Cannot read ${rank} deviations: maxNumModels is ${settings.maxNumModels}`,
    );
  }
}
