// Copyright 2026 the swagpu authors. MIT license.

/**
 * The error for scores that are not numbers, which names the row.
 *
 * @module
 */

import { placeOf, type RowSource } from "../data/mod.ts";
import type { TypedArray } from "../engine/mod.ts";

/** The scores of a text are not finite numbers. */
export class NotFiniteError extends RangeError {
  /** The number of the text, from 0 on. */
  readonly row: number;
  /** The name of the class. */
  override readonly name = "NotFiniteError";

  /**
   * @param row The number of the text, from 0 on.
   * @param scores The scores of the text.
   * @param place The name of the text in the message.
   */
  constructor(
    row: number,
    scores: ArrayLike<number>,
    place: string = `text ${row + 1}`,
  ) {
    super(
      `Cannot use the scores of ${place}: they are ` +
        `${Array.from(scores).slice(0, 3).join(", ")}${
          scores.length > 3 ? " …" : ""
        }, not finite numbers; the model has diverged, or samples of its ` +
        "posterior are too wide (lower --scale)",
    );
    this.row = row;
    this.#scores = scores;
  }

  readonly #scores: ArrayLike<number>;

  /** Makes the same error with a message that names the file and row of the text. */
  at(source: RowSource, first = 0): NotFiniteError {
    const row = first + this.row;
    return new NotFiniteError(row, this.#scores, placeOf(source, row));
  }
}

/**
 * Checks the scores of a text.
 *
 * @param scores The scores, the first of which that are no numbers the message shows.
 * @param row The number of the text, from 0 on.
 * @param place The name of the text in the message.
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export function checkFinite(
  scores: TypedArray,
  row: number,
  place?: string,
): void {
  const wrong = scores.findIndex((score) => !Number.isFinite(score));
  if (wrong < 0) return;
  throw new NotFiniteError(row, scores.slice(wrong, wrong + 4), place);
}

/** Does some work; if scores are not finite, the error names the file and row. */
export async function namingRows<T>(
  source: RowSource,
  work: () => Promise<T>,
  first = 0,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NotFiniteError ? error.at(source, first) : error;
  }
}
