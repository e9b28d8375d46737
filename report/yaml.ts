// Copyright 2026 the swagpu authors. MIT license.

// Plain data as YAML, for the head of a model card.

/** A value that YAML can hold. */
export type Yaml =
  | string
  | number
  | boolean
  | null
  | readonly Yaml[]
  | { readonly [name: string]: Yaml | undefined };

// A word that no version of YAML reads as anything but a string.
const PLAIN =
  /^(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][A-Za-z0-9_./-]*$/i;

// Characters that YAML does not allow as they are, or that end a line.
const UNSAFE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** A string: as it is if it is a plain word, otherwise in quotation marks. */
function textOf(text: string): string {
  if (PLAIN.test(text)) return text;
  return JSON.stringify(text.toWellFormed()).replace(
    UNSAFE,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function scalarOf(value: string | number | boolean | null): string {
  if (typeof value === "string") return textOf(value);
  if (typeof value !== "number" || Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
}

function isScalar(value: Yaml): value is string | number | boolean | null {
  return value === null || typeof value !== "object";
}

function linesOf(value: Yaml): string[] {
  if (isScalar(value)) return [scalarOf(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item: Yaml) =>
      linesOf(item).map((line, i) => `${i === 0 ? "- " : "  "}${line}`)
    );
  }
  return Object.entries(value).flatMap(([name, item]) => {
    if (item === undefined) return [];
    const head = `${textOf(name)}:`;
    if (isScalar(item)) return [`${head} ${scalarOf(item)}`];
    const lines = linesOf(item);
    if (lines.length === 0) {
      return [`${head} ${Array.isArray(item) ? "[]" : "{}"}`];
    }
    // Lists stand below their name without indentation, as is usual on the hub.
    return [
      head,
      ...lines.map((line) => Array.isArray(item) ? line : `  ${line}`),
    ];
  });
}

/** Writes a value as YAML, with a line end after every line. */
export function toYaml(value: Yaml): string {
  return linesOf(value).map((line) => `${line}\n`).join("");
}
