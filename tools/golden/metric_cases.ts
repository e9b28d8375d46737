// Copyright 2026 the swagpu authors. MIT license.

// Cases of metrics whose values hold texts beside numbers, and how the parts of a
// case are read: strictly, because what is read wrongly would compare something
// else.

import type { Comparison } from "./compare.ts";
import {
  checkCases as checkNumbers,
  type Metric,
  type MetricCase,
  toNumber,
} from "./metrics/cases.ts";

export type { Metric, MetricCase } from "./metrics/cases.ts";

/** The metrics that a module can check, by their names in the cases. */
export type Metrics = Readonly<Record<string, Metric>>;

/** Whether parsed JSON is a list of cases. */
export function isMetricCases(json: unknown): json is MetricCase[] {
  return Array.isArray(json) && json.length > 0 &&
    json.every((one) =>
      typeof one === "object" && one !== null &&
      typeof one.id === "string" && typeof one.function === "string" &&
      typeof one.inputs === "object" && one.inputs !== null &&
      typeof one.options === "object" && one.options !== null &&
      typeof one.tolerance === "number" && "expected" in one
    );
}

/** A comparison that has failed without a difference in numbers. */
export function failure(name: string, note: string): Comparison {
  return { name, absolute: NaN, relative: NaN, ok: false, note };
}

/** Compares all cases with the metrics that their function names. */
export function checkCases(
  cases: readonly MetricCase[],
  metrics: Metrics,
): Comparison[] {
  return cases.flatMap((one) => {
    const metric = Object.hasOwn(metrics, one.function)
      ? metrics[one.function]
      : undefined;
    const withoutTexts = { ...one, expected: coded(one.expected) };
    if (!metric) return checkNumbers([withoutTexts], {});
    return checkNumbers([withoutTexts], {
      [one.function]: () => {
        const got = metric(one);
        checkTexts(got, one.expected, "value");
        return coded(got);
      },
    });
  });
}

/** Whether a value is a text, and not a number that JSON writes as one. */
function isText(value: unknown): value is string {
  return typeof value === "string" &&
    !["NaN", "Infinity", "-Infinity"].includes(value);
}

/** The same value with 0 for each text, which compares as a number. */
function coded(value: unknown): unknown {
  if (isText(value)) return 0;
  if (Array.isArray(value)) return value.map(coded);
  if (
    typeof value !== "object" || value === null || ArrayBuffer.isView(value)
  ) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, coded(part)]),
  );
}

/** Throws unless every text that is expected is there. */
function checkTexts(got: unknown, expected: unknown, path: string): void {
  if (isText(expected)) {
    if (got === expected) return;
    throw new Error(`${path} is ${shown(got)}, expected ${shown(expected)}`);
  }
  if (typeof expected !== "object" || expected === null) return;
  for (const [name, part] of Object.entries(expected)) {
    const own = (got as Record<string, unknown> | undefined)?.[name];
    checkTexts(own, part, `${path}.${name}`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** A list of a case. */
export function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`Cannot read a case: ${shown(value)} is not a list`);
}

/** A list of numbers of a case. */
export function numbersOf(value: unknown): number[] {
  return itemsOf(value).map(toNumber);
}

/** A text of a case. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read a case: ${shown(value)} is not a text`);
}

/** A list of texts of a case. */
export function textsOf(value: unknown): string[] {
  return itemsOf(value).map(textOf);
}

/** An object of a case. */
export function entriesOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`Cannot read a case: ${shown(value)} is not an object`);
}

/** One of the choices that an option has; throws if it is another. */
export function choiceOf<const T>(
  one: MetricCase,
  name: string,
  { choices, otherwise }: { choices: readonly T[]; otherwise: T },
): T {
  const value = one.options[name];
  if (value === undefined) return otherwise;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RangeError(`option ${name} is ${shown(value)}`);
}

/** Throws if a case has an option that is not known. */
export function checkOptionNames(
  one: MetricCase,
  known: readonly string[],
): void {
  const unknown = Object.keys(one.options).find((name) =>
    !known.includes(name)
  );
  if (unknown === undefined) return;
  throw new TypeError(`option ${unknown} is not known`);
}
