// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Notices collections of weights that are not finite. The GPU looks for them before
 * each collection and leaves them out at once. The host learns of it with the next
 * value that is read from the GPU, and then takes its counts back.
 *
 * @module
 */

import type { Binding, Device, Rider, Tensor } from "../engine/mod.ts";
import {
  findUnusable,
  INFINITY_BITS,
  makeAnswer,
  NOTHING_FOUND,
  SEGMENT_ALIGNMENT,
} from "../nn/mod.ts";
import { type Piece, SPAN_FIELDS } from "./layout.ts";

/** What a posterior counts: a collection changes all of it. */
export interface Counts {
  /** Collections. */
  readonly count: number;
  /** Deviations held. */
  readonly rank: number;
  /** The row of the oldest deviation. */
  readonly oldest: number;
}

/** A collection that may still turn out to be left out. */
interface Unchecked extends Counts {
  readonly turn: number;
}

/** Looks through the weights of every collection. */
export class CollectionCheck {
  readonly #device: Device;
  readonly #pieces: readonly (Piece & { readonly map: Tensor })[];
  readonly #undo: (before: Counts) => void;
  readonly #answer: Tensor;
  readonly #rider: Rider;
  /** The counts before each collection that has not been checked yet. */
  #unchecked: Unchecked[] = [];
  /** The number of collections so far, with those that were left out. */
  #turn = 0;
  /** The value of `#turn` when the last bad collection was reported. */
  #reported = 0;

  /**
   * @param device Where the pieces are.
   * @param pieces All pieces of the posterior, with their maps.
   * @param undo Takes the counts back to those before a bad collection.
   */
  constructor(
    device: Device,
    pieces: readonly (Piece & { readonly map: Tensor })[],
    undo: (before: Counts) => void,
  ) {
    this.#device = device;
    this.#pieces = pieces;
    this.#undo = undo;
    this.#answer = makeAnswer(device);
    const { block, byteOffset, bytes } = this.#answer;
    this.#rider = {
      range: { block, offset: byteOffset, bytes },
      board: () => {
        const turn = this.#turn;
        return (answer) => this.#learn(turn, new Uint32Array(answer));
      },
    };
  }

  /** The answer on the GPU. Its first word is 0xffffffff while all was finite. */
  get answer(): Tensor {
    return this.#answer;
  }

  /** Looks through the weights of the next collection, piece by piece. */
  search(weights: readonly (Tensor | Binding | undefined)[]): void {
    const turn = ++this.#turn;
    let base = 0;
    this.#pieces.forEach(({ segment: { device }, length, map, spans }, i) => {
      const values = weights[i];
      if (!values) return;
      const search = { vectors: length / 4, at: SPAN_FIELDS * spans.length };
      findUnusable(
        device,
        { ...search, values, owners: map, base, limit: INFINITY_BITS, turn },
        this.#answer,
      );
      base += length / SEGMENT_ALIGNMENT;
    });
  }

  /** Notes a collection whose weights have been searched. */
  note(before: Counts): void {
    this.#unchecked.push({ ...before, turn: this.#turn });
    this.#device.stream.bring(this.#rider);
  }

  /** Accepts all collections so far, and starts again. */
  restart(): void {
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#answer.write([NOTHING_FOUND, NOTHING_FOUND]);
  }

  /** Frees the answer. */
  dispose(): void {
    this.#device.stream.leave(this.#rider);
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#answer.dispose();
  }

  /** Takes the answer for all collections up to a turn. */
  #learn(turn: number, [block, bad = NOTHING_FOUND]: Uint32Array): void {
    if (bad === NOTHING_FOUND) {
      this.#unchecked = this.#unchecked.filter((before) => before.turn > turn);
      return;
    }
    const index = this.#unchecked.findIndex((before) => before.turn === bad);
    const before = this.#unchecked[index];
    if (bad <= this.#reported || !before) return; // It has been reported.
    const left = this.#unchecked.length - index;
    this.#undo(before);
    this.restart();
    throw new RangeError(
      `Cannot collect the weights: after ${before.count} collections ` +
        `${this.#nameOf(block ?? 0)} was not finite; ` +
        (left === 1
          ? "that collection was left out"
          : `that collection and ${left - 1} after it were left out`),
    );
  }

  /** The name of the parameter to which a block belongs, counted over all pieces. */
  #nameOf(block: number): string {
    let offset = block * SEGMENT_ALIGNMENT;
    for (const { length, spans } of this.#pieces) {
      if (offset < length) {
        const span = spans.findLast((span) => span.at <= offset);
        return span?.entry.name ?? "";
      }
      offset -= length;
    }
    return "";
  }
}
