// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The tensors of a file that holds a posterior: their names, and reading moments from
 * them, as {@linkcode SwagModel.save} and the original library write them.
 *
 * @module
 */

import { formatShape, sameShape } from "../engine/kernel_kit.ts";
import type { SafetensorsDtype } from "../nn/formats/mod.ts";
import {
  blocksOf,
  type DeviationFormat,
  type StoredDeviations,
} from "./deviation_format.ts";
import { NONE } from "./layout.ts";
import type { Posterior } from "./posterior.ts";
import type { SwagSettings } from "./settings.ts";

/** The prefix of every parameter's name. */
export const BASE = "swag.base.";
export const COUNT = "swag.n_models";
const COUNT_SHAPE: [string, readonly number[]] = [COUNT, [1]];
export const MEAN = "_mean";
export const SQUARES = "_sq_dev_sum";
const SQUARE_MEAN = "_sq_mean";
export const DEVIATIONS = "_cov_mat_sqrt";
/** The factors on the blocks of deviations in fewer than 32 bits. */
export const SCALES = "_cov_mat_scale";

/** The type of deviations in a file, by how they are stored. */
export const DTYPES = {
  f32: "F32",
  f16: "F16",
  int8: "I8",
} as const satisfies Record<
  DeviationFormat,
  SafetensorsDtype
>;

/** A source of moments: a safetensors file, in memory or on disk. */
export interface MomentSource {
  /** The names of all its tensors. */
  readonly names: Iterable<string>;
  /** The shape of a tensor, and its type, such as `"F32"`, where that is known. */
  info(
    name: string,
  ): { readonly shape: readonly number[]; readonly dtype?: string };
  /** Reads the elements of a tensor. */
  tensor(name: string): MomentValues | Promise<MomentValues>;
}

/** A tensor of a {@linkcode MomentSource}. */
export interface MomentValues {
  /** Its elements, row by row. */
  readonly data: ArrayLike<number>;
}

/**
 * Overwrites a posterior's moments with those of a file.
 *
 * @throws {TypeError} If a tensor is missing or has another shape.
 * @throws {RangeError} If the file has more deviations than the posterior keeps.
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
    const expected: [string, readonly number[]][] = [[path + MEAN, shape]];
    if (row !== NONE) {
      expected.push([path + (original ? SQUARE_MEAN : SQUARES), shape]);
      if (layout.rows > 0) expected.push([path + DEVIATIONS, [rank, size]]);
      if (layout.rows > 0 && formatIn(source, names, path) !== "f32") {
        expected.push([path + SCALES, [rank, blocksOf(size)]]);
      }
    }
    return { entry, original, expected };
  });
  // Everything is checked before anything is overwritten.
  for (
    const [name, shape] of [...plans.flatMap((p) => p.expected), COUNT_SHAPE]
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
  for (const { entry, original, expected } of plans) {
    const [first, second, third] = expected;
    const mean = await take(first?.[0] ?? "");
    let squares = second && await take(second[0]);
    if (original) {
      // The square is rounded as the original library rounds it, so that its samples
      // are reproduced.
      squares = squares?.map((square, i) =>
        count * Math.max(square - Math.fround((mean[i] ?? 0) ** 2), 0)
      );
    }
    const deviations = third &&
      await readDeviations(source, names, `${BASE}${entry.name}`);
    posterior.write(entry, { mean, squares, deviations });
  }
}

/** How a parameter's deviations are stored in a source. */
function formatIn(
  source: MomentSource,
  names: ReadonlySet<string>,
  path: string,
): DeviationFormat {
  if (!names.has(path + DEVIATIONS) || !names.has(path + SCALES)) return "f32";
  return source.info(path + DEVIATIONS).dtype === DTYPES.int8 ? "int8" : "f16";
}

/** Reads a parameter's deviations as they are stored in a source. */
async function readDeviations(
  source: MomentSource,
  names: ReadonlySet<string>,
  path: string,
): Promise<StoredDeviations> {
  const { data } = await source.tensor(path + DEVIATIONS);
  const format = formatIn(source, names, path);
  if (format === "f32") {
    return { values: Float32Array.from(data), scales: undefined };
  }
  const scales = Float32Array.from((await source.tensor(path + SCALES)).data);
  const values = format === "int8"
    ? Int8Array.from(data)
    : Float16Array.from(data);
  return { values, scales };
}

/** The number of deviations in a source, which is that of the first random parameter. */
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
      `Cannot read the posterior: ${count} collections: it must be a whole number`,
    );
  }
  if (!settings.noCovMat && rank > settings.maxNumModels) {
    throw new RangeError(
      `Cannot read ${rank} deviations: maxNumModels is ${settings.maxNumModels}`,
    );
  }
}
