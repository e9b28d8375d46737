// Copyright 2026 the swagpu authors. MIT license.

/**
 * Puts rows into a random order that a seed decides.
 *
 * @module
 */

import { checkOptions } from "./options.ts";
import { randomIndices, shuffleInPlace } from "./random.ts";

/** Options of {@linkcode shuffled}. */
export interface ShuffledOptions {
  /** Decides the order: a whole number from 0 to 2³² − 1. @default {0} */
  seed?: number | undefined;
}

/** Options of {@linkcode shuffledStream}. */
export interface ShuffledStreamOptions extends ShuffledOptions {
  /**
   * How many rows wait to be drawn. The larger, the more random is the order.
   * @default {1000}
   */
  bufferSize?: number | undefined;
}

/**
 * Puts rows into a random order (the shuffle of Fisher and Yates). A seed gives the same
 * order on every machine.
 *
 * @param rows The rows, which stay as they are.
 * @param options The seed.
 * @returns The rows in another order.
 * @throws {RangeError} If the seed is not a whole number of 32 bits.
 *
 * @example Usage
 * ```ts
 * import { shuffled } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = ["a", "b", "c", "d"];
 * assertEquals(shuffled(rows, { seed: 1 }), shuffled(rows, { seed: 1 }));
 * assertEquals(shuffled(rows, { seed: 1 }).toSorted(), rows);
 * ```
 */
export function shuffled<T>(
  rows: readonly T[],
  options: ShuffledOptions = {},
): T[] {
  checkOptions(options, { action: "shuffle", known: ["seed"] });
  return shuffleInPlace([...rows], randomIndices(options.seed ?? 0));
}

/**
 * Puts rows that do not fit into memory into a more random order: a buffer is filled,
 * then each row that arrives takes the place of one that is drawn from it, as
 * `IterableDataset.shuffle` of Hugging Face does.
 *
 * @param rows The rows.
 * @param options The seed, and the size of the buffer.
 * @returns The rows, each once.
 * @throws {RangeError} If the seed or the size is not a fitting whole number.
 *
 * @example Usage
 * ```ts
 * import { shuffledStream } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Array.from({ length: 10 }, (_, i) => i);
 * const order = await Array.fromAsync(
 *   shuffledStream(rows, { seed: 1, bufferSize: 4 }),
 * );
 * assertEquals(order.toSorted((a, b) => a - b), rows);
 * ```
 */
export function shuffledStream<T>(
  rows: Iterable<T> | AsyncIterable<T>,
  options: ShuffledStreamOptions = {},
): AsyncGenerator<T, void, undefined> {
  checkOptions(options, { action: "shuffle", known: ["seed", "bufferSize"] });
  const { seed = 0, bufferSize = 1000 } = options;
  if (!Number.isInteger(bufferSize) || bufferSize < 1) {
    throw new RangeError(
      `Cannot shuffle with bufferSize ${bufferSize}: expected a whole number ` +
        "above 0",
    );
  }
  return drawn(rows, { draw: randomIndices(seed), bufferSize });
}

async function* drawn<T>(
  rows: Iterable<T> | AsyncIterable<T>,
  { draw, bufferSize }: {
    draw: (bound: number) => number;
    bufferSize: number;
  },
): AsyncGenerator<T, void, undefined> {
  const buffer: T[] = [];
  for await (const row of rows) {
    if (buffer.length < bufferSize) {
      buffer.push(row);
      continue;
    }
    const i = draw(bufferSize);
    yield buffer[i] as T;
    buffer[i] = row;
  }
  yield* shuffleInPlace(buffer, draw);
}
