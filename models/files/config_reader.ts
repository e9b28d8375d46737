// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reading the fields of a configuration one by one, each checked where it is
 * read.
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

/** Which texts are allowed. */
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
 * takes the value to use where the field is absent or `null`; without one, the
 * field must be there.
 *
 * @example
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
  /** Every field, under its name in the file. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What errors call the place where the fields come from. */
  readonly source: string;
  /** The same of one field, by its name in the file. */
  readonly sourceOf: (name: string) => string;
  #floats: Set<string>;
  #camelCase: boolean;
  readonly #asked = new Set<string>();

  /**
   * Takes fields under their names in the file; `floats` are those to be
   * written with a decimal point even where they are whole. Of fields that come
   * from several places, `sourceOf` tells each one's.
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

  /** Takes options under their camelCase names; a reader is given back. */
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

  /** Whether these are options, under camelCase names, and no file. */
  get areOptions(): boolean {
    return this.#camelCase;
  }

  /**
   * Throws if there are options that nobody asked for, which are misspelled
   * then. Files may hold anything.
   *
   * @param known Other names that options may have, in snake case.
   * @throws {TypeError} If a name is unknown, with the nearest of the others.
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

  /** The fields that were read as floating-point numbers, or spelled so. */
  get floats(): ReadonlySet<string> {
    return this.#floats;
  }

  /** Whether the field is there and not `null`. */
  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  /** An integer. */
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

  /** A number. */
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
      // A file may hold NaN, as Python writes it and compares it with bounds.
      (value) =>
        inRange(value, range) || !this.#camelCase && Number.isNaN(value),
    );
  }

  /** A truth value. */
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

  /** A text. */
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

  /** A list of integers. */
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

  /** A list of texts. */
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

  /** An object, as it stands. */
  object<D extends Readonly<Record<string, unknown>> | null = never>(
    name: string,
    fallback?: D,
  ): Readonly<Record<string, unknown>> | D {
    return this.#read(name, fallback, "an object", isObject);
  }

  /** An error that names the source, a field, its value and what it should be. */
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

/** The name that takes the fewest changes, if those are few. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((other) => ({ other, cost: changes(name, other) }))
    .filter(({ other, cost }) =>
      cost <= Math.max(2, Math.min(name.length, other.length) / 3)
    )
    .sort((a, b) => a.cost - b.cost);
  return best?.other;
}

/** Letters to put in, take out, exchange or swap with the next one. */
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
  // NaN is within no bounds, and allowed where there are none.
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

/** `hiddenSize` to `hidden_size`: a property's name in the file. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `hidden_size` to `hiddenSize`: the name of a file's field as a property. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, next: string) => next.toUpperCase());
}
