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
 */
export class TopRows<T> {
  readonly #limit: number;
  /** The highest rows so far, and behind them others that were offered since. */
  #rows: ScoredRow<T>[] = [];
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
    this.#rows.push({ score, place: this.#offered++, item });
    // Sorting as seldom as this costs a row no more than the logarithm of the limit.
    if (this.#rows.length >= 2 * this.#limit) this.#rows = this.ranked();
  }

  /** The rows that are kept, the highest first. */
  ranked(): ScoredRow<T>[] {
    return this.#rows.toSorted((a, b) => isBelow(a, b) ? 1 : -1)
      .slice(0, this.#limit);
  }
}

/** Whether a row ranks below another. */
function isBelow<T>(a: ScoredRow<T>, b: ScoredRow<T>): boolean {
  return a.score !== b.score ? a.score < b.score : a.place > b.place;
}
