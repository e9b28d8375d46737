// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of a Trainer that is not given one.

import type { HostValues, TypedArray } from "../../engine/mod.ts";

/**
 * Makes the inputs of a step from rows, as Hugging Face's
 * `default_data_collator` does: each property becomes a tensor with the rows
 * along its first axis. Rows must have equal lengths; a collator of your own
 * pads. `label` becomes `labels`.
 *
 * Numbers become 32-bit integers if all rows have integers there, and floats
 * otherwise; typed arrays keep their type. Give whole numbers that are meant as
 * floats, such as targets of a regression, in a `Float32Array`. Booleans become
 * 0 and 1. Properties of other kinds, such as texts, are left out.
 *
 * @param rows The rows of a batch, at least one.
 * @returns Host values by name: numbers `[batch]`, lists `[batch, length]`.
 * @throws {TypeError} If a row is not an object, or the rows' kinds or lengths
 * differ.
 *
 * @example Usage
 * ```ts
 * import { defaultDataCollator } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const { inputIds, labels } = defaultDataCollator([
 *   { text: "hi", inputIds: [1, 2], label: 0 },
 *   { text: "ho", inputIds: [1, 3], label: 1 },
 * ]);
 * assertEquals(inputIds, { data: Int32Array.of(1, 2, 1, 3), shape: [2, 2] });
 * assertEquals(labels, { data: Int32Array.of(0, 1), shape: [2] });
 * ```
 */
export function defaultDataCollator(
  rows: readonly unknown[],
): Record<string, HostValues> {
  const [first] = rows;
  if (typeof first !== "object" || first === null) {
    throw new TypeError(
      `Cannot collate rows such as ${String(first)}: expected objects; give ` +
        "the Trainer a dataCollator",
    );
  }
  const inputs: Record<string, HostValues> = {};
  for (const name of Object.keys(first)) {
    const values = rows.map((row) => (row as Record<string, unknown>)[name]);
    const collated = collate(values, name);
    if (collated) inputs[name === "label" ? "labels" : name] = collated;
  }
  return inputs;
}

/**
 * Makes a {@linkcode defaultDataCollator} that remembers the element types: a
 * regression whose first targets happen to be whole numbers must not be trained
 * as if they were classes.
 */
export function consistentCollator(): (
  rows: readonly unknown[],
) => Record<string, HostValues> {
  const types = new Map<string, string>();
  return (rows) => {
    const inputs = defaultDataCollator(rows);
    for (const [name, { data }] of Object.entries(inputs)) {
      const type = data.constructor.name;
      const before = types.get(name) ?? type;
      types.set(name, type);
      if (type === before) continue;
      throw new TypeError(
        `Cannot collate "${name}": it is a ${type} in this batch and was a ` +
          `${before} before; give floats in a Float32Array, or give the ` +
          "Trainer a dataCollator",
      );
    }
    return inputs;
  };
}

function collate(
  values: readonly unknown[],
  name: string,
): HostValues | undefined {
  const [first] = values;
  const isScalar = typeof first === "number" || typeof first === "boolean";
  if (!isScalar && !isNumbers(first)) return undefined;
  const items = values.map((value, i) => {
    if (isScalar ? typeof value === typeof first : isNumbers(value)) {
      return isScalar ? [Number(value)] : value as ArrayLike<number>;
    }
    throw new TypeError(
      `Cannot collate "${name}": row ${i} of the batch has ${String(value)}, ` +
        `another kind than row 0`,
    );
  });
  const length = items[0]?.length ?? 0;
  const other = items.findIndex((item) => item.length !== length);
  if (other >= 0) {
    throw new TypeError(
      `Cannot collate "${name}": it has length ${length} in row 0 of the batch ` +
        `but ${
          items[other]?.length
        } in row ${other}; a dataCollator that pads ` +
        "is needed",
    );
  }
  const all = items.flatMap((item) => Array.from(item));
  const isInteger = all.every((x) => Number.isInteger(x) && x === (x | 0));
  const data: TypedArray = first instanceof Float32Array
    ? Float32Array.from(all)
    : first instanceof Uint32Array
    ? Uint32Array.from(all)
    : isInteger
    ? Int32Array.from(all)
    : Float32Array.from(all);
  return { data, shape: isScalar ? [items.length] : [items.length, length] };
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value)
    ? value.every((item) => typeof item === "number")
    : value instanceof Float32Array || value instanceof Int32Array ||
      value instanceof Uint32Array;
}
