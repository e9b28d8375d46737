// Copyright 2026 the swagpu authors. MIT license.

// Reads reference tensors, and compares tensors with them.

import { type HostTensor, openSafetensors } from "../../nn/mod.ts";
import type { PretrainedConfig, PreTrainedModel } from "../../models/mod.ts";

/** The outcome of comparing one tensor. */
export interface Comparison {
  name: string;
  /** The largest absolute difference. */
  absolute: number;
  /** The largest difference, relative to the tensor's largest element. */
  relative: number;
  ok: boolean;
  note?: string;
}

/** Reference tensors by name. */
export type Golden = ReadonlyMap<
  string,
  { shape: readonly number[]; data: ArrayLike<number> }
>;

/** A model with named inputs and named outputs. */
export type AnyModel = PreTrainedModel<PretrainedConfig> & {
  forward(inputs: Record<string, unknown>): Record<string, unknown>;
};

/** Reads a file of reference tensors. */
export async function readGolden(path: string): Promise<Golden> {
  using file = await openSafetensors(path);
  const golden = new Map<
    string,
    { shape: readonly number[]; data: ArrayLike<number> }
  >();
  for (const name of file.names) golden.set(name, await file.tensor(name));
  return golden;
}

/** The values of a name; there must be some. */
export function valuesOf(
  golden: Golden,
  name: string,
): Float32Array<ArrayBuffer> {
  const found = golden.get(name);
  if (!found) throw new RangeError(`Cannot compare ${name}: there is none`);
  return Float32Array.from(found.data);
}

/** Reference tensors as `loadStateDict` takes them: counts are integers in files. */
export function hostTensors(golden: Golden): Map<string, HostTensor> {
  return new Map(
    [...golden].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, Number) },
    ]),
  );
}

/** Options of {@linkcode compare}. */
interface CompareOptions {
  absolute: number;
  relative: number;
  kept?: (i: number) => boolean;
  note?: string;
}

/** Compares element by element: |a - e| ≤ absolute + relative · |e|. */
export function compare(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute, relative, kept, note }: CompareOptions,
): Comparison {
  let worst = 0;
  let ok = actual.length === expected.length;
  for (let i = 0; i < expected.length; i++) {
    if (kept && !kept(i)) continue;
    const e = expected[i] ?? NaN;
    const difference = Math.abs((actual[i] ?? NaN) - e);
    if (!(difference <= absolute + relative * Math.abs(e))) ok = false;
    if (!(difference <= worst)) worst = difference;
  }
  const largest = maxAbs(expected);
  return {
    name,
    absolute: worst,
    relative: largest > 0 ? worst / largest : 0,
    ok,
    ...(note ? { note } : {}),
  };
}

/** The largest absolute value. */
export function maxAbs(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    largest = Math.max(largest, Math.abs(values[i] ?? 0));
  }
  return largest;
}
