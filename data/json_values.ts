// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads one value of JSON so that numbers keep all their digits.
 *
 * @module
 */

import { ExactNumber } from "./rows.ts";

/** A number of 64 bits keeps any decimal number with so many digits. */
const SAFE_DIGITS = 15;

/** The context that a newer standard gives to the reviver of `JSON.parse`. */
interface ReviverContext {
  source?: string;
}

const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: ReviverContext) => unknown,
) => unknown;

/**
 * Reads a value. A number that JavaScript would round becomes an
 * {@linkcode ExactNumber}.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseJson(text: string): unknown {
  return parseWithSource(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && source !== undefined
        ? exact(value, source)
        : value,
  );
}

/**
 * Reads a row from JSON: an object, or a list of cells if the columns are named.
 *
 * @param place The line, for messages, such as `a.jsonl: line 3`.
 * @throws {SyntaxError} If it is something else, or has a name twice.
 * @throws {TypeError} If the columns are named, and the row is an object.
 */
export function parseJsonRow(
  text: string,
  { place, columns, columnsOption }: {
    place: string;
    columns?: readonly string[] | undefined;
    columnsOption: string;
  },
): Record<string, unknown> {
  let row: unknown;
  let reason = "";
  try {
    row = parseJson(text);
  } catch (error) {
    reason = error instanceof Error ? `, ${error.message}` : "";
  }
  if (Array.isArray(row)) {
    return fromList(row, { place, columns, columnsOption });
  }
  if (
    typeof row !== "object" || row === null || row instanceof ExactNumber
  ) {
    throw new SyntaxError(`Cannot read ${place} is not a JSON object${reason}`);
  }
  if (columns !== undefined) {
    throw new TypeError(
      `Cannot use ${columnsOption} with ${place}: it names its columns itself`,
    );
  }
  const twice = repeatedName(text);
  if (twice === undefined) return row as Record<string, unknown>;
  throw new SyntaxError(`Cannot read ${place} has "${twice}" twice`);
}

function fromList(
  row: readonly unknown[],
  { place, columns, columnsOption }: {
    place: string;
    columns?: readonly string[] | undefined;
    columnsOption: string;
  },
): Record<string, unknown> {
  if (columns === undefined) {
    throw new SyntaxError(
      `Cannot read ${place} is not a JSON object but a list: name its cells ` +
        `with ${columnsOption}`,
    );
  }
  if (row.length === columns.length) {
    return Object.fromEntries(columns.map((name, i) => [name, row[i]]));
  }
  throw new SyntaxError(
    `Cannot read ${place} has ${row.length} cells, ${columnsOption} names ` +
      columns.length,
  );
}

/** The number, or its text if a number of 64 bits does not keep its digits. */
function exact(value: number, source: string): number | ExactNumber {
  const digits = source.replace(/[eE].*/, "").replace(/^-?0*\.?0*|\./g, "");
  return digits.length <= SAFE_DIGITS && Number.isFinite(value) ||
      String(value) === source
    ? value
    : new ExactNumber(source);
}

/** The first name that an object has twice; `JSON.parse` would keep the last value. */
function repeatedName(line: string): string | undefined {
  const names = new Set<string>();
  let depth = 0;
  // A string before a colon at depth 1 is a name of the object itself.
  for (const [token, text, colon] of line.matchAll(TOKENS)) {
    if (text === undefined) depth += token === "{" || token === "[" ? 1 : -1;
    if (text === undefined || colon === undefined || depth !== 1) continue;
    const name = String(JSON.parse(text));
    if (names.has(name)) return name;
    names.add(name);
  }
  return undefined;
}

/** A string, perhaps with a colon, or a bracket. */
const TOKENS = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;
