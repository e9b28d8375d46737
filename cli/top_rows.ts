// Copyright 2026 the swagpu authors. MIT license.

/**
 * Keeps the rows that score highest, and no others, so that the rows that are
 * offered may be many.
 *
 * @module
 */

/** A row with its score. */
export interface ScoredRow<T> {
  /** The score. */
  readonly score: number;
  /** The place of the row among those that were offered, from 0 on. */
  readonly place: number;
  /** What is kept of the row. */
  readonly item: T;
}

/**
 * The rows that score highest among those that were offered. Of rows with equal scores,
 * the one that was offered first counts as higher.
 *
 * The rows are in a binary heap: each ranks below the two under it, so that the lowest
 * is the first, and is what a higher row replaces.
 */
export class TopRows<T> {
  readonly #limit: number;
  readonly #heap: ScoredRow<T>[] = [];
  #offered = 0;

  /** @param limit The most rows that are kept, at least 1. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Keeps a row if it is among the highest so far.
   *
   * @param score Its score.
   * @param item What to keep of it.
   * @throws {RangeError} If the score is NaN, which has no rank.
   */
  offer(score: number, item: T): void {
    if (Number.isNaN(score)) {
      throw new RangeError(
        `Cannot rank row ${this.#offered + 1}: its score is NaN`,
      );
    }
    const row = { score, place: this.#offered++, item };
    const [lowest] = this.#heap;
    if (this.#heap.length < this.#limit) this.#rise(row);
    else if (lowest && isBelow(lowest, row)) this.#sink(row);
  }

  /** The rows that are kept, the highest first. */
  ranked(): ScoredRow<T>[] {
    return this.#heap.toSorted((a, b) => isBelow(a, b) ? 1 : -1);
  }

  /** Adds a row at the end, and moves it up past the rows that rank above it. */
  #rise(row: ScoredRow<T>): void {
    let at = this.#heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent];
      if (!above || isBelow(above, row)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = row;
  }

  /** Replaces the first row, and moves the new one down past those that rank below. */
  #sink(row: ScoredRow<T>): void {
    let at = 0;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const [first, second] = [this.#heap[left], this.#heap[right]];
      if (!first) break;
      const [child, under] = second && isBelow(second, first)
        ? [right, second]
        : [left, first];
      if (isBelow(row, under)) break;
      this.#heap[at] = under;
      at = child;
    }
    this.#heap[at] = row;
  }
}

/** Whether a row ranks below another. */
function isBelow<T>(a: ScoredRow<T>, b: ScoredRow<T>): boolean {
  return a.score !== b.score ? a.score < b.score : a.place > b.place;
}
