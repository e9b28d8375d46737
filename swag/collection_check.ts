// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Notices collections of weights that are not finite. The GPU looks for them before
 * each collection and leaves them out at once. The host learns of it with the next
 * value that is read from the GPU, and then takes its counts back.
 *
 * @module
 */

import type { Binding, Rider } from "../engine/kernel_kit.ts";
import type { AnyTensor, Device, Tensor } from "../engine/mod.ts";
import { SEGMENT_ALIGNMENT, WeightCheck } from "../nn/mod.ts";
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
  readonly #pieces: readonly (Piece & { readonly map: Tensor<"u32"> })[];
  readonly #undo: (before: Counts) => void;
  readonly #weights: WeightCheck;
  readonly #rider: Rider;
  /** The counts before each collection that has not been checked yet. */
  #unchecked: Unchecked[] = [];
  /** The number of collections so far, with those that were left out. */
  #turn = 0;
  /** The value of `#turn` when the last bad collection was reported. */
  #reported = 0;
  /** How many times collections were found to be left out. */
  #found = 0;
  /** Why replicas cannot go on. */
  #lost: string | undefined;

  /**
   * @param device Where the pieces are.
   * @param pieces All pieces of the posterior, with their maps.
   * @param undo Takes the counts back to those before a bad collection.
   */
  constructor(
    device: Device,
    pieces: readonly (Piece & { readonly map: Tensor<"u32"> })[],
    undo: (before: Counts) => void,
  ) {
    this.#device = device;
    this.#pieces = pieces;
    this.#undo = undo;
    this.#weights = new WeightCheck(device);
    const { block, byteOffset, bytes } = this.#weights.answer;
    const { count, bytes: step } = block.replicas ?? { count: 1, bytes };
    this.#rider = {
      // The answers of replicas lie one after the other.
      range: { block, offset: byteOffset, bytes: (count - 1) * step + bytes },
      board: () => {
        const turn = this.#turn;
        return (bytes) =>
          this.#learn(
            turn,
            Array.from(
              { length: count },
              (_, replica) => new Uint32Array(bytes, replica * step, 2),
            ),
          );
      },
    };
  }

  /** The answer on the GPU. Its first word is 0xffffffff while all was finite. */
  get answer(): Tensor<"u32"> {
    return this.#weights.answer;
  }

  /** Looks through the weights of the next collection, piece by piece. */
  search(weights: readonly (AnyTensor | Binding | undefined)[]): void {
    if (this.#lost !== undefined) throw new RangeError(this.#lost);
    const turn = ++this.#turn;
    let base = 0;
    this.#pieces.forEach(({ length, map, spans }, i) => {
      const values = weights[i];
      if (!values) return;
      const search = { vectors: length / 4, at: SPAN_FIELDS * spans.length };
      this.#weights.look({ ...search, values, owners: map, base, turn });
      base += length / SEGMENT_ALIGNMENT;
    });
  }

  /** Notes a collection whose weights have been searched. */
  note(before: Counts): void {
    this.#unchecked.push({ ...before, turn: this.#turn });
    this.#device.stream.bring(this.#rider);
  }

  /**
   * Reads moments. Counts that were taken before are right afterwards: the reading
   * learns of all collections so far, and fails if one of them was left out.
   *
   * @param read Records the reading when it is called.
   */
  async during(read: () => Promise<void>): Promise<void> {
    const found = this.#found;
    // The answer may be on its way to another reading, which may end later.
    if (this.#unchecked.length > 0) this.#device.stream.bring(this.#rider);
    await read();
    if (this.#lost !== undefined) throw new RangeError(this.#lost);
    if (this.#found === found) return;
    throw new RangeError(
      "Cannot read the posterior: another reading has found meanwhile that a " +
        "collection was left out, because its weights were not finite; read again",
    );
  }

  /** Accepts all collections so far, and starts again. */
  restart(): void {
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#lost = undefined;
    this.#weights.reset();
  }

  /** Frees the answer. */
  dispose(): void {
    this.#device.stream.leave(this.#rider);
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#weights[Symbol.dispose]();
  }

  /** Takes the answer for all collections up to a turn, of each replica. */
  #learn(turn: number, answers: readonly Uint32Array[]): void {
    if (answers.length > 1) return this.#learnOfReplicas(turn, answers);
    const found = WeightCheck.parse(answers[0] ?? []);
    if (!found) {
      this.#unchecked = this.#unchecked.filter((before) => before.turn > turn);
      return;
    }
    const index = this.#unchecked.findIndex(({ turn }) => turn === found.turn);
    const before = this.#unchecked[index];
    if (found.turn <= this.#reported || !before) return; // It has been reported.
    const left = this.#unchecked.length - index;
    this.#undo(before);
    this.restart();
    this.#found++;
    throw new RangeError(
      `Cannot collect the weights: after ${before.count} collections ` +
        `${this.#nameOf(found.block)} was not finite; ` +
        (left === 1
          ? "that collection was left out"
          : `that collection and ${left - 1} after it were left out`),
    );
  }

  /** The same for replicas, whose counts are one. */
  #learnOfReplicas(turn: number, answers: readonly Uint32Array[]): void {
    const found = answers.map((answer) => WeightCheck.parse(answer));
    const replica = found.findIndex((weight) => weight !== undefined);
    if (replica < 0) {
      this.#unchecked = this.#unchecked.filter((before) => before.turn > turn);
      return;
    }
    // The others hold collections that this one left out.
    this.#lost = "Cannot collect the weights: " +
      `${this.#nameOf(found[replica]?.block ?? 0)} of replica ${replica} was ` +
      "not finite, so the posterior of all replicas is lost";
    throw new RangeError(this.#lost);
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
