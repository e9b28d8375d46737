// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The queue of pairs of tokens that may be joined, the most frequent first.

/** A pair of tokens that may be joined. */
export interface QueuedPair {
  /** The number of the pair. Of equally frequent pairs, the least is first. */
  readonly key: number;
  /** How often the pair occurred when it was last looked at. */
  count: number;
  /** The numbers of the words that it was found in. */
  readonly words: readonly number[];
}

/** A binary heap of pairs. */
export class MergeQueue {
  #heap: QueuedPair[] = [];

  /** The pair that is first; `undefined` if there is none. */
  get first(): QueuedPair | undefined {
    return this.#heap[0];
  }

  /** Adds a pair. */
  add(pair: QueuedPair): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(pair);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !goesFirst(pair, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = pair;
  }

  /** Removes the pair that is first. */
  removeFirst(): void {
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
  }

  /** Sets the count of the pair that is first, and moves it to its place. */
  correctFirst(count: number): void {
    const pair = this.#heap[0];
    if (pair === undefined) return;
    pair.count = count;
    this.#sink(pair);
  }

  /** Puts a pair in the place of the first, and moves it down to its own. */
  #sink(pair: QueuedPair): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let below = left;
      if (right !== undefined && goesFirst(right, left)) {
        below = right;
        child++;
      }
      if (!goesFirst(below, pair)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = pair;
  }
}

/** Whether a pair is joined before another. */
function goesFirst(a: QueuedPair, b: QueuedPair): boolean {
  return a.count > b.count || (a.count === b.count && a.key < b.key);
}
