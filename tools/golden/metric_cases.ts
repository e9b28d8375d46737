// Copyright 2026 the swagpu authors. MIT license.

// Cases of metrics: what a file of reference values holds, and how values are
// compared with it.

import type { Comparison } from "./compare.ts";

/** A value that JSON holds; NaN and infinities are written as text. */
export type Value =
  | number
  | string
  | boolean
  | null
  | Value[]
  | { [name: string]: Value };

/** One reference value. */
export interface MetricCase {
  id: string;
  /** The name of what is computed; not necessarily that of a function here. */
  function: string;
  inputs: Record<string, Value>;
  options: Record<string, Value>;
  expected: Value;
  /** |got − expected| ≤ tolerance · max(1, |expected|); 0 asks for equality. */
  tolerance: number;
  source: string;
  note?: string;
}

/** Computes what a case asks for, in the structure of its expected value. */
export type Solver = (one: MetricCase) => unknown;

/** The functions that a module can check, by their names in the cases. */
export type Solvers = Readonly<Record<string, Solver>>;

/** What the comparison of an unknown function says. */
export const UNKNOWN_FUNCTION = "no function of this name is known";

/** Whether parsed JSON is a list of metric cases. */
export function isMetricCases(json: unknown): json is MetricCase[] {
  return Array.isArray(json) && json.length > 0 &&
    json.every((one) =>
      typeof one === "object" && one !== null &&
      typeof one.id === "string" && typeof one.function === "string" &&
      typeof one.inputs === "object" && "expected" in one &&
      typeof one.tolerance === "number"
    );
}

/** Checks cases, each with the function that its name asks for. */
export function checkCases(
  cases: readonly MetricCase[],
  solvers: Solvers,
): Comparison[] {
  return cases.map((one) => {
    const solver = Object.hasOwn(solvers, one.function)
      ? solvers[one.function]
      : undefined;
    if (!solver) return failure(one.id, `${one.function}: ${UNKNOWN_FUNCTION}`);
    try {
      return compareValue(one, solver(one));
    } catch (error) {
      return failure(one.id, `${one.function}: ${error}`);
    }
  });
}

/** A comparison that has failed without a difference in numbers. */
export function failure(name: string, note: string): Comparison {
  return { name, absolute: NaN, relative: NaN, ok: false, note };
}

/** Compares a value with that of a case, part by part. */
export function compareValue(one: MetricCase, got: unknown): Comparison {
  const outcome: Outcome = { absolute: 0, relative: 0 };
  comparePart(got, one.expected, one.tolerance, one.function, outcome);
  const { absolute, relative, problem } = outcome;
  return {
    name: one.id,
    absolute,
    relative,
    ok: problem === undefined,
    ...(problem === undefined ? {} : { note: problem }),
  };
}

/** What a comparison has found so far. */
interface Outcome {
  absolute: number;
  /** The largest difference divided by max(1, |expected|). */
  relative: number;
  /** The first part that is wrong. */
  problem?: string;
}

const SPECIAL = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

function comparePart(
  got: unknown,
  expected: Value,
  tolerance: number,
  path: string,
  outcome: Outcome,
): void {
  const wrong = (): void => {
    outcome.problem ??= `${path} is ${shown(got)}, expected ${shown(expected)}`;
  };
  if (Array.isArray(expected)) {
    const list = listOf(got);
    if (list?.length !== expected.length) return wrong();
    expected.forEach((part, i) =>
      comparePart(list[i], part, tolerance, `${path}[${i}]`, outcome)
    );
    return;
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof got !== "object" || got === null) return wrong();
    for (const [name, part] of Object.entries(expected)) {
      const own = (got as Record<string, unknown>)[name];
      comparePart(own, part, tolerance, `${path}.${name}`, outcome);
    }
    return;
  }
  const number = typeof expected === "number"
    ? expected
    : typeof got === "number"
    ? SPECIAL.get(String(expected))
    : undefined;
  if (number === undefined) {
    if (got !== expected) wrong();
    return;
  }
  if (typeof got !== "number") return wrong();
  if (Object.is(got, number) || got === number) return;
  const difference = Math.abs(got - number);
  const relative = difference / Math.max(1, Math.abs(number));
  if (!(difference <= outcome.absolute)) outcome.absolute = difference;
  if (!(relative <= outcome.relative)) outcome.relative = relative;
  if (!(relative <= tolerance)) wrong();
}

/** The items of an array or of a typed array. */
function listOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as unknown as ArrayLike<number>)
    : undefined;
}

function shown(value: unknown): string {
  const text = typeof value === "number" || value === undefined
    ? String(value)
    : JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** A number of a case; throws if there is none. */
export function numberOf(value: Value | undefined): number {
  if (typeof value === "number") return value;
  const special = SPECIAL.get(String(value));
  if (special !== undefined) return special;
  throw new TypeError(`Cannot read a case: ${shown(value)} is not a number`);
}

/** A list of numbers of a case. */
export function numbersOf(value: Value | undefined): number[] {
  return itemsOf(value).map(numberOf);
}

/** A list of texts of a case. */
export function textsOf(value: Value | undefined): string[] {
  return itemsOf(value).map(textOf);
}

/** A text of a case. */
export function textOf(value: Value | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read a case: ${shown(value)} is not a text`);
}

/** A list of a case. */
export function itemsOf(value: Value | undefined): Value[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`Cannot read a case: ${shown(value)} is not a list`);
}

/** An object of a case. */
export function entriesOf(value: Value | undefined): Record<string, Value> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value;
  }
  throw new TypeError(`Cannot read a case: ${shown(value)} is not an object`);
}

/**
 * One of the choices that an option has; throws if it is another, because a
 * setting that is not obeyed would compare something else.
 */
export function choiceOf<const T extends Value>(
  one: MetricCase,
  name: string,
  choices: readonly T[],
  otherwise: T,
): T {
  const value = one.options[name];
  if (value === undefined) return otherwise;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RangeError(`option ${name} is ${shown(value)}`);
}

/** Throws if a case has an option that its solver does not know. */
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
