// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the fields of a configuration one by one, and checks each of them.
 *
 * @module
 */

import { isObject } from "./json.ts";

/** Bounds of a number, both inclusive. */
export interface NumberRange {
  /**
   * The smallest value allowed.
   *
   * @default -Infinity
   */
  min?: number;
  /**
   * The largest value allowed.
   *
   * @default Infinity
   */
  max?: number;
}

/** The texts that a field may hold. */
export interface StringChoice {
  /**
   * The values allowed.
   *
   * @default any text
   */
  oneOf?: readonly string[];
}

/**
 * The fields of a configuration, read by their names in the file. Each method
 * takes a default for a field that is absent or `null`; without a default, the
 * field is required.
 *
 * @example Options under camelCase names
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { ConfigReader } from "@swagpu/swagpu/models";
 *
 * const reader = ConfigReader.from({ hiddenSize: 32, layerNormEps: "tiny" });
 * assertEquals(reader.integer("hidden_size", 768), 32);
 * assertEquals(reader.number("dropout", 0.1), 0.1);
 * assertEquals(reader.number("classifier_dropout", null), null);
 * assertThrows(
 *   () => reader.number("layer_norm_eps", 1e-12),
 *   TypeError,
 *   'Cannot read the options: layerNormEps is "tiny", expected a number',
 * );
 * ```
 */
export class ConfigReader {
  /** All fields, under their names in the file. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The name in errors of where the fields come from. */
  readonly source: string;
  /** The name in errors of where one field comes from. */
  readonly sourceOf: (name: string) => string;
  #floats: Set<string>;
  #camelCase: boolean;
  readonly #asked = new Set<string>();

  /**
   * Wraps the fields of a file.
   *
   * @param fields The fields, under their names in the file.
   * @param options The name of the `source` in errors; `sourceOf` names it for
   * each field, if fields come from several places; `floats` are the fields that
   * are written with a decimal point even if they are whole.
   */
  constructor(
    fields: Readonly<Record<string, unknown>>,
    options: {
      source?: string;
      sourceOf?: (name: string) => string;
      floats?: Iterable<string>;
    } = {},
  ) {
    this.fields = fields;
    const { source = "config.json" } = options;
    this.source = source;
    this.sourceOf = options.sourceOf ?? (() => source);
    this.#floats = new Set(options.floats);
    this.#camelCase = false;
  }

  /** Wraps options with camelCase names. A reader is returned unchanged. */
  static from(options: object): ConfigReader {
    if (options instanceof ConfigReader) return options;
    const fields = Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [toSnakeCase(name), value]);
    const reader = new ConfigReader(Object.fromEntries(fields), {
      source: "the options",
    });
    reader.#camelCase = true;
    return reader;
  }

  /** Whether the fields are options with camelCase names, not those of a file. */
  get areOptions(): boolean {
    return this.#camelCase;
  }

  /**
   * Refuses options that were never read, because their names are misspelled.
   * Files may hold other fields.
   *
   * @param known Other names that options may have, in snake case.
   * @throws {TypeError} If a name is unknown. The error suggests the nearest
   * name.
   */
  checkNames(known: readonly string[] = []): void {
    if (!this.#camelCase) return;
    for (const name of Object.keys(this.fields)) {
      if (this.#asked.has(name) || known.includes(name)) continue;
      const near = nearest(name, [...this.#asked]);
      throw new TypeError(
        `Cannot read ${this.source}: there is no ${toCamelCase(name)}` +
          (near === undefined ? "" : `, did you mean ${toCamelCase(near)}?`),
      );
    }
  }

  /** The fields that were read as floats, or that the file spells as floats. */
  get floats(): ReadonlySet<string> {
    return this.#floats;
  }

  /** Whether a field is present and not `null`. */
  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  /** Reads an integer. */
  integer<D extends number | null = never>(
    name: string,
    fallback?: D,
    range: NumberRange = {},
  ): number | D {
    return this.#read(
      name,
      fallback,
      describeRange("integer", range),
      (value): value is number => Number.isSafeInteger(value),
      (value) => inRange(value, range),
    );
  }

  /** Reads a number. */
  number<D extends number | null = never>(
    name: string,
    fallback?: D,
    range: NumberRange = {},
  ): number | D {
    this.#floats.add(name);
    return this.#read(
      name,
      fallback,
      describeRange("number", range),
      (value): value is number => typeof value === "number",
      // A file may hold NaN: Python writes it, and its comparisons let it pass.
      (value) =>
        inRange(value, range) || !this.#camelCase && Number.isNaN(value),
    );
  }

  /** Reads a boolean. */
  boolean<D extends boolean | null = never>(
    name: string,
    fallback?: D,
  ): boolean | D {
    return this.#read(
      name,
      fallback,
      "true or false",
      (value): value is boolean => typeof value === "boolean",
    );
  }

  /** Reads a text. */
  string<D extends string | null = never>(
    name: string,
    fallback?: D,
    choice: StringChoice = {},
  ): string | D {
    const { oneOf } = choice;
    return this.#read(
      name,
      fallback,
      oneOf === undefined
        ? "a text"
        : `one of ${oneOf.map((text) => JSON.stringify(text)).join(", ")}`,
      (value): value is string => typeof value === "string",
      (value) => oneOf === undefined || oneOf.includes(value),
    );
  }

  /** Reads a list of integers. */
  integers<D extends readonly number[] | null = never>(
    name: string,
    fallback?: D,
  ): readonly number[] | D {
    return this.#read(
      name,
      fallback,
      "a list of integers",
      (value): value is readonly number[] =>
        Array.isArray(value) && value.every(Number.isSafeInteger),
    );
  }

  /** Reads a list of texts. */
  strings<D extends readonly string[] | null = never>(
    name: string,
    fallback?: D,
  ): readonly string[] | D {
    return this.#read(
      name,
      fallback,
      "a list of texts",
      (value): value is readonly string[] =>
        Array.isArray(value) &&
        value.every((item) => typeof item === "string"),
    );
  }

  /** Reads an object, without checking its fields. */
  object<D extends Readonly<Record<string, unknown>> | null = never>(
    name: string,
    fallback?: D,
  ): Readonly<Record<string, unknown>> | D {
    return this.#read(name, fallback, "an object", isObject);
  }

  /**
   * Makes an error that names the source, the field, its value and what it must
   * be.
   */
  error(
    name: string,
    expected: string,
    kind: typeof TypeError | typeof RangeError = TypeError,
  ): TypeError | RangeError {
    const label = this.#camelCase ? toCamelCase(name) : name;
    const value = this.#value(name);
    const is = value === undefined
      ? "missing"
      : typeof value === "number"
      ? String(value)
      : JSON.stringify(value);
    return new kind(
      `Cannot read ${
        this.sourceOf(name)
      }: ${label} is ${is}, expected ${expected}`,
    );
  }

  #value(name: string): unknown {
    this.#asked.add(name);
    return Object.hasOwn(this.fields, name)
      ? this.fields[name] ?? undefined
      : undefined;
  }

  #read<T, D>(
    name: string,
    fallback: D | undefined,
    expected: string,
    isKind: (value: unknown) => value is T,
    isAllowed: (value: T) => boolean = () => true,
  ): T | D {
    const value = this.#value(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (!isKind(value)) throw this.error(name, expected);
    if (!isAllowed(value)) throw this.error(name, expected, RangeError);
    return value;
  }
}

/** The name that needs the fewest changes, if they are few. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((other) => ({ other, cost: changes(name, other) }))
    .filter(({ other, cost }) =>
      cost <= Math.max(2, Math.min(name.length, other.length) / 3)
    )
    .sort((a, b) => a.cost - b.cost);
  return best?.other;
}

/**
 * The edit distance of two names: letters inserted, removed, changed or
 * swapped.
 */
function changes(a: string, b: string): number {
  let rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const [above = [], twoAbove = []] = rows;
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] &&
        a[i - 2] === b[j - 1];
      row.push(Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (twoAbove[j - 2] ?? 0) + 1 : Infinity,
      ));
    }
    rows = [row, above];
  }
  return rows[0]?.[b.length] ?? 0;
}

function inRange(value: number, range: NumberRange): boolean {
  const { min, max } = range;
  // NaN is allowed only without bounds.
  return (min === undefined || value >= min) &&
    (max === undefined || value <= max);
}

function describeRange(kind: "integer" | "number", range: NumberRange): string {
  const { min, max } = range;
  const article = kind === "integer" ? "an integer" : "a number";
  if (min === undefined && max === undefined) return article;
  if (max === undefined) {
    return min === 1 && kind === "integer"
      ? "a positive integer"
      : `${article} of at least ${min}`;
  }
  return min === undefined
    ? `${article} of at most ${max}`
    : `${article} from ${min} to ${max}`;
}

/** Turns `hiddenSize` into `hidden_size`, the name of a property in the file. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Turns `hidden_size` into `hiddenSize`, the property of a file's field. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, next: string) => next.toUpperCase());
}
