// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** A binary heap: its first item goes before all others. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #goesFirst: (a: T, b: T) => boolean;

  /** @param goesFirst Whether an item goes before another. */
  constructor(goesFirst: (a: T, b: T) => boolean) {
    this.#goesFirst = goesFirst;
  }

  /** The item that is first; `undefined` if the heap is empty. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item. */
  add(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !this.#goesFirst(item, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes and returns the item that is first. */
  take(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.replaceFirst(last);
    return first;
  }

  /** Puts an item in the place of the first, and moves it down to its own. */
  replaceFirst(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (left === undefined) break;
      let below = left;
      if (right !== undefined && this.#goesFirst(right, left)) {
        below = right;
        child++;
      }
      if (!this.#goesFirst(below, item)) break;
      items[at] = below;
      at = child;
    }
    items[at] = item;
  }
}
