// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the examples of a task from the rows of a file.
 *
 * @module
 */

import { BadRowError } from "./bad_row.ts";
import { checkChoice, checkOptions } from "./options.ts";
import {
  type DataSource,
  isInMemory,
  READ_ROWS_OPTIONS,
  readRows,
  type ReadRowsOptions,
} from "./read_rows.ts";
import type { DataRow } from "./rows.ts";

/**
 * Makes an example of a row. {@linkcode classExamples} and its siblings return such
 * functions; any other function will do as well.
 *
 * It throws a {@linkcode BadRowError} if the row cannot be used.
 */
export type ExampleParser<T> = (row: DataRow) => T;

/** Options of {@linkcode readExamples}. */
export interface ReadExamplesOptions extends Omit<ReadRowsOptions, "onBadRow"> {
  /**
   * What to do with a row that cannot be used: refuse the file, or leave the row out
   * and count it.
   * @default {"throw"}
   */
  onBadRow?: "throw" | "skip" | undefined;
}

/** How many messages a stream keeps. */
const KEPT = 10;

/**
 * The examples of a file, read one after the other. Each `for await` reads the file
 * from its start, so that every epoch may have one.
 *
 * @example Count what is left out
 * ```ts
 * import { numberExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(["text,label\ngood,4.5\nbad,n/a\n"], "a.csv");
 * const stream = readExamples(file, numberExamples(), { onBadRow: "skip" });
 * assertEquals(await stream.toArray(), [{ text: "good", labels: [4.5] }]);
 * assertEquals([stream.used, stream.skipped], [1, 1]);
 * assertEquals(stream.problems, [
 *   'Cannot use row 2 of a.csv (line 3): its "label" is "n/a", expected a ' +
 *   "number such as 1.5",
 * ]);
 * ```
 */
export class ExampleStream<T> implements AsyncIterable<T> {
  /** How many examples the last reading has given so far. */
  used = 0;
  /** How many rows the last reading has left out so far. */
  skipped = 0;
  /** What was wrong with the first ten of these. */
  problems: string[] = [];
  readonly #source: DataSource;
  readonly #parse: ExampleParser<T>;
  readonly #options: ReadExamplesOptions;
  #wasRead = false;

  /**
   * Prepares to read; nothing is opened yet.
   *
   * @param source The file, or rows in memory.
   * @param parse Makes an example of a row.
   * @param options How to read the rows, and what to do with bad ones.
   */
  constructor(
    source: DataSource,
    parse: ExampleParser<T>,
    options: ReadExamplesOptions = {},
  ) {
    checkOptions(options, {
      action: "read examples",
      known: READ_ROWS_OPTIONS,
    });
    checkChoice(options.onBadRow ?? "throw", {
      option: "onBadRow",
      known: ["throw", "skip"],
    });
    this.#source = source;
    this.#parse = parse;
    this.#options = options;
  }

  /**
   * Reads the examples.
   *
   * @returns The examples, in the order of the file.
   * @throws {BadRowError} If a row cannot be used, unless such rows are left out. If
   * all are bad, the first is an error in any case.
   * @throws {RangeError} If a column does not exist at all.
   * @throws {SyntaxError} If the file is malformed.
   * @throws {TypeError} If the source is standard input or a generator, and has been
   * read before.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const { onBadRow: choice = "throw", ...options } = this.#options;
    if (this.#wasRead && isIterator(this.#source)) {
      throw new TypeError(
        "Cannot read rows of a generator again: it gives them only once, so " +
          "keep the examples with toArray()",
      );
    }
    this.#wasRead = true;
    this.used = 0;
    this.skipped = 0;
    this.problems = [];
    let first: unknown;
    const onBadRow = (error: Error): void => {
      if (choice === "throw") throw error;
      first ??= error;
      this.skipped++;
      if (this.problems.length < KEPT) this.problems.push(error.message);
    };
    for await (const row of readRows(this.#source, { ...options, onBadRow })) {
      let example: T;
      try {
        example = this.#parse(row);
      } catch (error) {
        if (!(error instanceof BadRowError)) throw error;
        onBadRow(error);
        continue;
      }
      this.used++;
      yield example;
    }
    // A mistaken name of a column would otherwise look like an empty file.
    if (this.used === 0 && first !== undefined) throw first;
  }

  /**
   * Reads all examples into memory.
   *
   * @returns The examples, in the order of the file.
   * @throws {BadRowError} If a row cannot be used, unless such rows are left out.
   */
  toArray(): Promise<T[]> {
    return Array.fromAsync(this);
  }
}

/** Whether a source gives its rows only once, as a generator does. */
function isIterator(source: DataSource): boolean {
  if (!isInMemory(source)) return false;
  const iterator: unknown = Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
  return iterator === source;
}

/**
 * Reads the examples of a task, one after the other, from a file of any format.
 *
 * @param source The path of a file, `-` for standard input, a `Blob`, or rows in
 * memory.
 * @param parse What makes an example of a row, such as `classExamples()`.
 * @param options How to read the rows, and what to do with bad ones.
 * @returns The examples; `for await` reads them, and `toArray()` all at once.
 * @throws {TypeError} If an option is not known.
 *
 * @example Pairs of texts with a class
 * ```ts
 * import { classExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [{ premise: "It rains.", hypothesis: "It is wet.", label: "yes" }];
 * const pairs = classExamples({ text: "premise", textPair: "hypothesis" });
 * for await (const example of readExamples(rows, pairs)) {
 *   assertEquals(example, {
 *     text: "It rains.",
 *     textPair: "It is wet.",
 *     label: "yes",
 *   });
 * }
 * ```
 */
export function readExamples<T>(
  source: DataSource,
  parse: ExampleParser<T>,
  options: ReadExamplesOptions = {},
): ExampleStream<T> {
  return new ExampleStream(source, parse, options);
}
