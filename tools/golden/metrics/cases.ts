// Copyright 2026 the swagpu authors. MIT license.

// Files of metric cases: numbers that other libraries gave for small inputs.

import type { Comparison } from "../compare.ts";

/** One value of a metric, with the input that it belongs to. */
export interface MetricCase {
  id: string;
  /** A neutral name of the metric. */
  function: string;
  inputs: Readonly<Record<string, unknown>>;
  options: Readonly<Record<string, unknown>>;
  expected: unknown;
  /** A number passes within tolerance · max(1, |expected|). */
  tolerance: number;
  /** Which library gave the value. */
  source: string;
  note?: string;
}

/** This library's result for a case, in the structure of the expected value. */
export type Metric = (one: MetricCase) => unknown;

/** Compares all cases with the metrics that their function names. */
export function checkCases(
  cases: readonly MetricCase[],
  metrics: Readonly<Record<string, Metric>>,
): Comparison[] {
  return cases.map((one) => {
    const failed = { name: one.id, absolute: NaN, relative: NaN, ok: false };
    if (!Object.hasOwn(metrics, one.function)) {
      return { ...failed, note: `there is no metric for ${one.function}` };
    }
    try {
      const got = metrics[one.function]?.(one);
      return compareNumbers(one.id, got, one);
    } catch (error) {
      return { ...failed, note: `${one.function}: ${error}` };
    }
  });
}

/** Compares a result with the expected value of a case, number by number. */
export function compareNumbers(
  name: string,
  got: unknown,
  { expected, tolerance }: Pick<MetricCase, "expected" | "tolerance">,
): Comparison {
  const result: Comparison = { name, absolute: 0, relative: 0, ok: true };
  const fail = (place: string, why: string) => {
    result.ok = false;
    result.note ??= `${place || "value"} ${why}`;
  };
  const visit = (own: unknown, other: unknown, place: string): void => {
    if (typeof other === "object" && other !== null) {
      if (typeof own !== "object" || own === null) {
        return fail(place, "is missing");
      }
      const size = (own as { length?: unknown }).length;
      if (Array.isArray(other) && size !== other.length) {
        return fail(place, `has ${size} values, not ${other.length}`);
      }
      for (const [key, part] of Object.entries(other)) {
        const path = place ? `${place}.${key}` : key;
        visit((own as Record<string, unknown>)[key], part, path);
      }
      return;
    }
    const value = toNumber(other);
    if (typeof own !== "number") return fail(place, "is not a number");
    if (Object.is(own, value)) return;
    const absolute = Math.abs(own - value);
    const relative = absolute / Math.max(1, Math.abs(value));
    if (!(absolute <= result.absolute)) result.absolute = absolute;
    if (!(relative <= result.relative)) result.relative = relative;
    const limit = tolerance * Math.max(1, Math.abs(value));
    if (!Number.isFinite(value) || !(absolute <= limit)) {
      fail(place, `is ${own}, not ${value}`);
    }
  };
  visit(got, expected, "");
  return result;
}

/** A number of a case; those that JSON does not have are written as texts. */
export function toNumber(value: unknown): number {
  const names = ["NaN", "Infinity", "-Infinity"];
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "string" && names.includes(value)) return Number(value);
  throw new TypeError(`Cannot read ${JSON.stringify(value)} as a number`);
}

/** All numbers of lists in lists, in order. */
export function flat(value: unknown): number[] {
  return Array.isArray(value) ? value.flatMap(flat) : [toNumber(value)];
}

/** Cuts values to rows of a width. */
export function rowsOf(values: ArrayLike<number>, width: number): number[][] {
  const list = Array.from(values);
  return Array.from(
    { length: list.length / width },
    (_, row) => list.slice(row * width, (row + 1) * width),
  );
}

/** The lengths of lists in lists: of the outer one, of its first, and so on. */
export function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
