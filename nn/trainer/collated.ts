// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The inputs of a batch, with the tensors that the collator has made for them.

import { persist } from "../../engine/kernel_kit.ts";
import { scope, type Scoped } from "../../engine/mod.ts";

/** Makes the inputs of a batch from its rows. */
export type Collate<Row> = (rows: Row[]) => object | Promise<object>;

/** Inputs of a batch; free them when they have been used. */
export class Collated implements Disposable {
  /** The inputs. */
  readonly feed: object;
  readonly #owned: readonly Scoped[];

  private constructor(feed: object, owned: readonly Scoped[]) {
    this.feed = feed;
    this.#owned = owned;
  }

  /**
   * Calls a collator. Tensors that it makes before it awaits something, such as
   * a packing of texts, belong to the result: no scope is open while a batch
   * waits for its step.
   */
  static async make<Row>(
    collate: Collate<Row>,
    rows: Row[],
  ): Promise<Collated> {
    let owned: Scoped[] = [];
    let feed: object | Promise<object>;
    {
      using made = scope();
      feed = collate(rows);
      owned = [...made.tensors];
      for (const tensor of owned) persist(tensor);
    }
    try {
      return new Collated(await feed, owned);
    } catch (error) {
      for (const tensor of owned) tensor.dispose();
      throw error;
    }
  }

  /** Frees the tensors. */
  [Symbol.dispose](): void {
    for (const tensor of this.#owned) tensor.dispose();
  }
}
