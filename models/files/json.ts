// Copyright 2026 the swagpu authors. MIT license.
// JSON files as Python writes them: `json.dumps(value, indent=2, sort_keys=True)`
// keeps "0.0" apart from "0", which JavaScript's numbers do not.

import { writeTextAtomically } from "../../nn/disk.ts";

/** The fields of a JSON file, and which of them are spelled as floats. */
export interface JsonFields {
  readonly fields: Record<string, unknown>;
  readonly floats: ReadonlySet<string>;
}

/** Whether a value is an object of fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a JSON text that must hold an object; `source` names it in errors. */
export function parseJson(text: string, source: string): JsonFields {
  const floats = new Set<string>();
  let value: unknown;
  try {
    value = JSON.parse(
      text,
      function (key: string, value: unknown, context?: { source?: string }) {
        if (typeof value === "number" && /[.eE]/.test(context?.source ?? "")) {
          floats.add(key);
        }
        return value;
      },
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SyntaxError(`Cannot read ${source}: ${reason}`, { cause: error });
  }
  if (isObject(value)) return { fields: value, floats };
  throw new SyntaxError(`Cannot read ${source}: it does not hold an object`);
}

/** Reads a JSON file that must hold an object. */
export async function readJson(path: string): Promise<JsonFields> {
  return parseJson(await readText(path), path);
}

/** Reads a text file; a missing one is named by its path. */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Deno.errors.NotFound(
      `Cannot read ${path}: the file does not exist`,
      { cause: error },
    );
  }
}

/** Reads a text file, or gives `null` if there is none. */
export async function readOptionalText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Writes an object as Python does, with a newline at the end. */
export async function writeJson(
  path: string,
  fields: Record<string, unknown>,
  floats: ReadonlySet<string> = new Set(),
): Promise<void> {
  await writeTextAtomically(path, formatJson(fields, floats));
}

/** The text that {@linkcode writeJson} writes. */
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

/** Numbered keys (`id2label`) are integers in Python, and sort as such. */
function compareKeys(a: string, b: string): number {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : Number(a > b);
}

function formatNumber(value: number, float: boolean): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
  if (Number.isInteger(value) && !float && Math.abs(value) < 1e21) {
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
