// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What checkpoints of a run keep of `SwagUpdateCallback`: the posterior as tensors, and
 * when it was updated.
 *
 * @module
 */

import type { SafetensorsSource } from "../../nn/formats/mod.ts";
import type { StateSource } from "../../nn/mod.ts";
import type { TroughState } from "./collection_rules.ts";
import type { DeviationFormat } from "../deviation_format.ts";
import type { SwagParameterState, SwagState } from "../state_dict.ts";

/** What a checkpoint keeps besides the moments. */
export interface UpdateState extends Omit<SwagState, "parameters"> {
  shapes: Record<string, number[]>;
  collectedSteps: number[];
  lastStep: number;
  skipped: number;
  // States of earlier versions lack the others.
  rejectedSteps?: number[];
  troughs?: TroughState;
  best?: number | null;
}

/** The moments of a parameter. */
const MOMENTS = [
  "mean",
  "squaredDeviations",
  "deviations",
  "deviationScales",
] as const;

/** The moments of a posterior as tensors by name, and the shapes of its parameters. */
export function momentTensors(parameters: SwagState["parameters"]): {
  shapes: Record<string, number[]>;
  tensors: [string, SafetensorsSource][];
} {
  const shapes: Record<string, number[]> = {};
  const tensors: [string, SafetensorsSource][] = [];
  for (const [name, own] of Object.entries(parameters)) {
    shapes[name] = own.shape;
    for (const moment of MOMENTS) {
      const data = own[moment];
      if (!data) continue;
      const shape = [data.length];
      const dtype = dtypeOf(data);
      tensors.push([`${name}.${moment}`, { shape, dtype, data }]);
    }
  }
  return { shapes, tensors };
}

/** Reads what {@linkcode momentTensors} has given. */
export async function readMomentTensors(
  tensors: StateSource,
  { shapes, format }: {
    shapes: Readonly<Record<string, number[]>>;
    format: DeviationFormat | undefined;
  },
): Promise<SwagState["parameters"]> {
  const parameters: SwagState["parameters"] = {};
  const names = new Set(tensors.names);
  for (const [name, shape] of Object.entries(shapes)) {
    parameters[name] = await readParameter(tensors, names, {
      name,
      shape,
      format,
    });
  }
  return parameters;
}

/** Whether a callback's values are ours; the posterior checks its own part. */
export function isUpdateState(values: unknown): values is UpdateState {
  if (typeof values !== "object" || values === null) return false;
  const { shapes, collectedSteps, lastStep, skipped }: Partial<UpdateState> =
    values;
  return typeof shapes === "object" && shapes !== null &&
    Array.isArray(collectedSteps) &&
    [...collectedSteps, lastStep, skipped].every(Number.isSafeInteger);
}

/** The type in the checkpoint, which holds the values exactly. */
function dtypeOf(
  values: Float32Array | Float16Array | Int8Array,
): "F32" | "F16" | "I8" {
  if (values instanceof Int8Array) return "I8";
  return values instanceof Float32Array ? "F32" : "F16";
}

/** Reads the moments of a parameter that a checkpoint has of it. */
async function readParameter(
  tensors: StateSource,
  names: ReadonlySet<string>,
  { name, shape, format }: {
    name: string;
    shape: number[];
    format: DeviationFormat | undefined;
  },
): Promise<SwagParameterState> {
  const state: SwagParameterState = { shape, mean: new Float32Array() };
  for (const moment of MOMENTS) {
    const key = `${name}.${moment}`;
    if (!names.has(key)) continue;
    const { data } = await tensors.tensor(key);
    if (moment !== "deviations") state[moment] = Float32Array.from(data);
    else if (format === "int8") state[moment] = Int8Array.from(data);
    else if (format === "f16") state[moment] = Float16Array.from(data);
    else state[moment] = Float32Array.from(data);
  }
  return state;
}
