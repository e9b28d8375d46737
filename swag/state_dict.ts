// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The state of a posterior as plain values, for checkpoints of a run that
 * continues: reading it, checking it, and writing it back.
 *
 * @module
 */

import { formatShape, sameShape } from "../engine/kernel_kit.ts";
import { checkOptions } from "../nn/mod.ts";
import { blocksOf, type DeviationFormat } from "./deviation_format.ts";
import { type Entry, NONE } from "./layout.ts";
import type { Posterior } from "./posterior.ts";
import type { SwagSettings } from "./settings.ts";

/** What a posterior knows about one parameter. */
export interface SwagParameterState {
  /** The shape of the parameter. */
  shape: number[];
  /** The mean of all collections, row by row. */
  mean: Float32Array<ArrayBuffer>;
  /**
   * The sums of squared differences from the mean, row by row. Only random
   * parameters have them.
   */
  squaredDeviations?: Float32Array<ArrayBuffer>;
  /**
   * `[covMatRank, size]`: the last deviations from the mean, oldest first, in the
   * type of `settings.deviations`. Only random parameters of posteriors with
   * covariances have them.
   */
  deviations?:
    | Float32Array<ArrayBuffer>
    | Float16Array<ArrayBuffer>
    | Int8Array<ArrayBuffer>;
  /**
   * `[covMatRank, blocks]`: the factor on each block of 64 weights of a deviation,
   * where deviations are not 32-bit floats.
   */
  deviationScales?: Float32Array<ArrayBuffer>;
}

/** All that a posterior needs to continue, except for the model's weights. */
export interface SwagState {
  /** The options of the posterior. */
  settings: SwagSettings;
  /** The number of collections. */
  nModels: number;
  /** The number of deviations held. */
  covMatRank: number;
  /** The number of samples drawn without a seed. */
  draws: number;
  /** The moments by parameter name. A tied parameter has one name. */
  parameters: Record<string, SwagParameterState>;
}

/** How error messages begin. */
const ACTION = "load the posterior's state";
const REFUSAL = `Cannot ${ACTION}`;

const STATE_NAMES: readonly (keyof SwagState)[] = [
  "settings",
  "nModels",
  "covMatRank",
  "draws",
  "parameters",
];

const PARAMETER_NAMES: readonly (keyof SwagParameterState)[] = [
  "shape",
  "mean",
  "squaredDeviations",
  "deviations",
  "deviationScales",
];

/** The arrays of deviations, by how they are stored. */
const ARRAYS: Readonly<Record<DeviationFormat, string>> = {
  f32: "Float32Array",
  f16: "Float16Array",
  int8: "Int8Array",
};

/**
 * Reads a posterior's state from the GPU, as it is at the time of the call.
 *
 * @param posterior The posterior.
 * @param draws The number of samples drawn without a seed.
 */
export async function readState(
  posterior: Posterior,
  draws: number,
): Promise<SwagState> {
  const { settings, count, rank, layout: { entries } } = posterior;
  const moments = await posterior.read(entries);
  const parameters = entries.map(({ name, parameter }, i) => {
    const { mean = new Float32Array(), squares, deviations } = moments[i] ?? {};
    const state: SwagParameterState = { shape: [...parameter.shape], mean };
    if (squares) state.squaredDeviations = squares;
    if (deviations) state.deviations = deviations.values;
    if (deviations?.scales) state.deviationScales = deviations.scales;
    return [name, state] as const;
  });
  return {
    settings: structuredClone(settings),
    nModels: count,
    covMatRank: rank,
    draws,
    parameters: Object.fromEntries(parameters),
  };
}

/**
 * Overwrites a posterior's moments and counts.
 *
 * @param posterior The posterior.
 * @param state A state that {@linkcode checkState} has accepted.
 */
export function writeState(posterior: Posterior, state: SwagState): void {
  posterior.restart(state.nModels, state.covMatRank);
  for (const entry of posterior.layout.entries) {
    const own = state.parameters[entry.name];
    if (!own) continue;
    const { mean, squaredDeviations: squares, deviations: values } = own;
    const deviations = values && { values, scales: own.deviationScales };
    posterior.write(entry, { mean, squares, deviations });
  }
}

/**
 * Throws unless a state belongs to a posterior like this one. Nothing is written.
 *
 * @throws {TypeError} If settings, names, shapes or kinds differ.
 * @throws {RangeError} If a count is out of range.
 */
export function checkState(posterior: Posterior, state: SwagState): void {
  requireObject("the state", state);
  checkOptions(state, { action: ACTION, known: STATE_NAMES });
  const { settings, nModels, covMatRank, draws, parameters } = state;
  const { layout: { entries, rows } } = posterior;
  requireObject("settings", settings);
  checkSettings(settings, posterior.settings);
  requireCount("nModels", nModels);
  requireCount("draws", draws);
  requireCount("covMatRank", covMatRank, rows);
  requireObject("parameters", parameters);
  const names = new Set(entries.map(({ name }) => name));
  const unexpected = Object.keys(parameters).filter((x) => !names.has(x));
  const missing = [...names].filter((x) => !Object.hasOwn(parameters, x));
  if (missing.length + unexpected.length > 0) {
    const say = (what: string, list: string[]) =>
      list.length > 0
        ? [`${what} ${list.map((x) => `"${x}"`).join(", ")}`]
        : [];
    throw new TypeError(
      `${REFUSAL}: ${
        [
          ...say("it lacks", missing),
          ...say("the model has no", unexpected),
        ].join(", ")
      }; load it for a model with the same parameters`,
    );
  }
  for (const entry of entries) {
    const own = parameters[entry.name];
    requireObject(`"${entry.name}"`, own);
    checkParameter(own, entry, { settings, covMatRank, posterior });
  }
}

function checkParameter(
  state: SwagParameterState,
  { name, row, parameter: { shape, size } }: Entry,
  { settings, covMatRank, posterior }:
    & Pick<SwagState, "settings" | "covMatRank">
    & { posterior: Posterior },
): void {
  checkOptions(state, { action: ACTION, known: PARAMETER_NAMES });
  const isShape = Array.isArray(state.shape);
  if (!isShape || !sameShape(state.shape, shape)) {
    throw new TypeError(
      `${REFUSAL}: "${name}" is ${
        isShape ? formatShape(state.shape) : `of the shape ${state.shape}`
      }, expected ${formatShape(shape)}`,
    );
  }
  const isRandom = row !== NONE;
  if (isRandom !== (state.squaredDeviations !== undefined)) {
    const { modulePrefixList: own } = posterior.settings;
    throw new TypeError(
      `${REFUSAL}: "${name}" is ${isRandom ? "not " : ""}random in the state ` +
        `but ${isRandom ? "" : "not "}in the posterior; modulePrefixList is ` +
        `${formatList(settings.modulePrefixList)} in the state but ` +
        `${formatList(own)} in the posterior`,
    );
  }
  const keeps = isRandom && posterior.layout.rows > 0;
  const { deviations: format } = posterior.settings;
  const scales = keeps && format !== "f32"
    ? covMatRank * blocksOf(size)
    : undefined;
  const expected = [
    ["mean", size, ARRAYS.f32],
    ["squaredDeviations", isRandom ? size : undefined, ARRAYS.f32],
    ["deviations", keeps ? covMatRank * size : undefined, ARRAYS[format]],
    ["deviationScales", scales, ARRAYS.f32],
  ] as const;
  for (const [field, length, kind] of expected) {
    const values: unknown = state[field];
    const found = ArrayBuffer.isView(values) && "length" in values
      ? `a ${values.constructor.name} of ${values.length}`
      : kindOf(values);
    const wished = length === undefined
      ? "undefined"
      : `a ${kind} of ${length}`;
    if (found === wished) continue;
    throw new TypeError(
      `${REFUSAL}: ${field} of "${name}" is ${found}, expected ${wished}`,
    );
  }
}

/**
 * Compares the settings that matter. Prefixes may differ if they select the same
 * parameters, and without covariances their number and divisor mean nothing.
 */
function checkSettings(loaded: SwagSettings, own: SwagSettings): void {
  const known: (keyof SwagSettings)[] = [
    "noCovMat",
    "varClamp",
    "maxNumModels",
    "normalize",
    "deviations",
  ];
  checkOptions(loaded, {
    action: ACTION,
    known: [...known, "modulePrefixList"],
  });
  for (const name of own.noCovMat ? known.slice(0, 2) : known) {
    // Earlier versions had no other deviations than f32.
    const value = loaded[name] ?? (name === "deviations" ? "f32" : undefined);
    if (value === own[name]) continue;
    throw new TypeError(
      `${REFUSAL}: ${name} is ${value} in the state but ${own[name]} in ` +
        "the posterior",
    );
  }
}

function requireObject(what: string, value: unknown): asserts value is object {
  if (kindOf(value) === "an object") return;
  throw new TypeError(
    `${REFUSAL}: ${what} is ${kindOf(value)}, expected an object`,
  );
}

function requireCount(what: string, value: unknown, most?: number): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `${REFUSAL}: ${what} is ${kindOf(value)}, expected a number`,
    );
  }
  const isCount = Number.isSafeInteger(value) && value >= 0;
  if (isCount && value <= (most ?? Infinity)) return;
  throw new RangeError(
    `${REFUSAL}: ${what} is ${value}, but must be a whole number ` +
      (most === undefined ? "of at least 0" : `from 0 to ${most}`),
  );
}

/** What a value is, in words. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null) return `${value}`;
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function formatList(list: unknown): string {
  return Array.isArray(list) ? `[${list.join(", ")}]` : `${list}`;
}
