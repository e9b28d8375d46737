// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import {
  BadRowError,
  type ExampleParser,
  readExamples,
  type ReadExamplesOptions,
  type RowObject,
} from "../../data/mod.ts";
import { jsonl } from "./_blocks.ts";

/** The examples of a source. */
export async function all<T>(
  source: Parameters<typeof readExamples>[0],
  parse: ExampleParser<T>,
  options?: ReadExamplesOptions,
): Promise<T[]> {
  return await readExamples(source, parse, options).toArray();
}

/**
 * Checks that a row is refused with a message that names its place, and that it is
 * left out if others are good.
 */
export async function refuses(
  parse: () => ExampleParser<unknown>,
  { good, bad }: { good: RowObject; bad: readonly [RowObject, string][] },
): Promise<void> {
  for (const [row, reason] of bad) {
    const source = jsonl(good, row, good);
    const error = await assertRejects(() => all(source, parse()), BadRowError);
    assertEquals(
      error.message,
      `Cannot use row 2 of a.jsonl (line 2): ${reason}`,
    );
    assertEquals(error.row.cells, JSON.parse(JSON.stringify(row)));
    const stream = readExamples(source, parse(), { onBadRow: "skip" });
    assertEquals((await stream.toArray()).length, 2);
    assertEquals([stream.used, stream.skipped], [2, 1]);
    assertEquals(stream.problems, [error.message]);
  }
}
