// Copyright 2026 the swagpu authors. MIT license.

// Reads JSON files, and spells them as Python does. What
// `json.dumps(value, indent=2, sort_keys=True)` writes distinguishes "0.0" from
// "0", which JavaScript's numbers do not.

import { readText } from "./read_file.ts";

/** The fields of a JSON file, and which of them are spelled as floats. */
export interface JsonFields {
  /** The fields. */
  readonly fields: Record<string, unknown>;
  /** The names of all fields whose numbers have a decimal point or exponent. */
  readonly floats: ReadonlySet<string>;
}

/** Whether a value is an object, and not a list or `null`. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The deepest nesting that Python's reader accepts. */
const MAX_DEPTH = 1000;
const BYTE_ORDER_MARK = "\ufeff";

/**
 * Reads a JSON text that must hold an object, as Python's `json` does: `NaN`,
 * `Infinity` and `-Infinity` are numbers.
 *
 * @param source The name of the text in errors.
 * @throws {SyntaxError} If it is malformed, nested more than 1,000 deep, or
 * holds anything else.
 */
export function parseJson(text: string, source: string): JsonFields {
  const { json, value } = parse(text, source);
  const fields = fieldsOf(value, source);
  const floats = new Set<string>();
  JSON.parse(
    json,
    function (key: string, value: unknown, context?: { source?: string }) {
      if (typeof value === "number" && /[.eE]/.test(context?.source ?? "")) {
        floats.add(key);
      }
      return value;
    },
  );
  return { fields, floats };
}

/**
 * Reads a JSON text that must hold an object, as {@linkcode parseJson} does,
 * without noting which numbers are floats. This is faster for large files.
 */
export function parseFields(
  text: string,
  source: string,
): Record<string, unknown> {
  return fieldsOf(parseValue(text, source), source);
}

function fieldsOf(value: unknown, source: string): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new SyntaxError(`Cannot read ${source}: it does not hold an object`);
}

/**
 * Reads a JSON text of any value, as {@linkcode parseJson} does, without noting
 * which numbers are floats.
 */
export function parseValue(text: string, source: string): unknown {
  return parse(text, source).value;
}

function parse(
  text: string,
  source: string,
): { json: string; value: unknown } {
  let json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const mark = crypto.randomUUID();
    const plain = withoutConstants(json, mark);
    // The error is about the file's own text, unless only the constants are
    // wrong.
    if (plain === json) throw unreadable(error, source);
    try {
      value = JSON.parse(
        plain,
        (_, value) => value === mark ? NaN : value,
      );
    } catch (cause) {
      throw unreadable(cause, source);
    }
    json = plain;
  }
  if (isDeeper(value, MAX_DEPTH)) {
    throw new SyntaxError(
      `Cannot read ${source}: it is nested more than ${MAX_DEPTH} deep`,
    );
  }
  return { json, value };
}

function unreadable(error: unknown, source: string): SyntaxError {
  const reason = error instanceof RangeError
    ? `it is nested more than ${MAX_DEPTH} deep`
    : error instanceof Error
    ? error.message
    : String(error);
  return new SyntaxError(`Cannot read ${source}: ${reason}`, { cause: error });
}

/**
 * Replaces Python's constants by valid JSON: the infinities by numbers that are
 * too large to be finite, and NaN by the text `mark`.
 */
function withoutConstants(json: string, mark: string): string {
  return json.replace(
    /"[^"\\]*(?:\\.[^"\\]*)*"|(?:-?\bInfinity|\bNaN)\b(?!\s*:)/gs,
    (found) =>
      found === "NaN"
        ? `"${mark}"`
        : found === "Infinity"
        ? "1e999"
        : found === "-Infinity"
        ? "-1e999"
        : found,
  );
}

/** Whether lists and objects are nested more than `depth` times. */
function isDeeper(value: unknown, depth: number): boolean {
  let level: object[] = isCompound(value) ? [value] : [];
  for (let at = 1; level.length > 0; at++) {
    if (at > depth) return true;
    const next: object[] = [];
    for (const item of level) {
      // No list of all values is made, because a vocabulary has 100,000 of them.
      for (const key in item) {
        const inner = (item as Record<string, unknown>)[key];
        if (isCompound(inner)) next.push(inner);
      }
    }
    level = next;
  }
  return false;
}

function isCompound(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * Reads a JSON file that must hold an object, as Python's `json` does.
 *
 * @param path The path of the file.
 * @returns The fields, and the names of those that are spelled as floats.
 * @throws {NotFound} If there is no such file.
 * @throws {SyntaxError} If the file does not hold a JSON object.
 */
export async function readJson(path: string): Promise<JsonFields> {
  return parseJson(await readText(path), path);
}

/** Spells an object as Python does, with a newline at the end. */
export function formatJson(
  fields: Record<string, unknown>,
  floats: ReadonlySet<string> = new Set(),
): string {
  return `${format(fields, "", floats, "\n")}\n`;
}

function format(
  value: unknown,
  name: string,
  floats: ReadonlySet<string>,
  newline: string,
): string {
  if (typeof value === "number") return formatNumber(value, floats.has(name));
  if (typeof value === "string") return formatString(value);
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value) ?? "null";
  }
  const inner = `${newline}  `;
  const items = Array.isArray(value)
    ? value.map((item) => format(item, name, floats, inner))
    : Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => compareKeys(a, b))
      .map(([key, item]) =>
        `${formatString(key)}: ${format(item, key, floats, inner)}`
      );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return items.length === 0
    ? `${open}${close}`
    : `${open}${inner}${items.join(`,${inner}`)}${newline}${close}`;
}

/** Compares keys as Python does, where numeric keys (`id2label`) are integers. */
function compareKeys(a: string, b: string): number {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : Number(a > b);
}

function formatNumber(value: number, float: boolean): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
  if (Number.isInteger(value) && !float) {
    return BigInt(value).toString();
  }
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    const size = String(Math.abs(power)).padStart(2, "0");
    return `${digits}e${power < 0 ? "-" : "+"}${size}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function formatString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
