// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads JSON lines: files with one object per line.
 *
 * @module
 */

import { ExactNumber, type Rows } from "./rows.ts";

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
 * Reads one object per line. Blank lines are skipped, and numbers keep all their
 * digits.
 *
 * @param text Lines that end in LF, CRLF or CR.
 * @param path The file, for messages.
 * @throws {SyntaxError} If a line is not an object, or has a name twice.
 */
export function parseJsonLines(text: string, path: string): Rows {
  const columns = new Set<string>();
  const rows: Record<string, unknown>[] = [];
  const lines: number[] = [];
  for (const [i, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === "") continue;
    const row = parseObject(line, `${path}: line ${i + 1}`);
    for (const name of Object.keys(row)) columns.add(name);
    rows.push(row);
    lines.push(i + 1);
  }
  return { columns: [...columns], rows, lines };
}

function parseObject(line: string, place: string): Record<string, unknown> {
  let row: unknown;
  let reason = "";
  try {
    row = parseWithSource(
      line,
      (_key, value, { source }) =>
        typeof value === "number" && source !== undefined
          ? exact(value, source)
          : value,
    );
  } catch (error) {
    reason = error instanceof Error ? `, ${error.message}` : "";
  }
  if (
    typeof row !== "object" || row === null || Array.isArray(row) ||
    row instanceof ExactNumber
  ) {
    throw new SyntaxError(
      `Cannot read ${place} is not a JSON object${reason}`,
    );
  }
  const twice = repeatedName(line);
  if (twice === undefined) return row as Record<string, unknown>;
  throw new SyntaxError(`Cannot read ${place} has "${twice}" twice`);
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
