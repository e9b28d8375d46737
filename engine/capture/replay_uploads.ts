// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a replay takes the values that its actions upload.

import { alignBytes, type Block } from "../gpu/block.ts";
import type { Observer } from "../gpu/observer.ts";

/**
 * The observer during a replay: the recorded actions run again, and it collects
 * what they upload, in the order of the recording.
 */
export class ReplayUploads implements Observer {
  readonly id: number;
  readonly #staging: Uint8Array<ArrayBuffer>;
  readonly #sizes: readonly number[];
  #next = 0;
  #offset = 0;

  /**
   * Prepares for the uploads of a recording.
   *
   * @param id The recording's.
   * @param staging Where the values are collected.
   * @param sizes The bytes of each upload.
   */
  constructor(
    id: number,
    staging: Uint8Array<ArrayBuffer>,
    sizes: readonly number[],
  ) {
    this.id = id;
    this.#staging = staging;
    this.#sizes = sizes;
  }

  /** Begins a replay. */
  start(): void {
    this.#next = this.#offset = 0;
  }

  /** Ends a replay, and throws if an upload is missing. */
  finish(): void {
    if (this.#next !== this.#sizes.length) this.#changed();
  }

  upload(
    _device: object,
    _block: Block,
    _offset: number,
    { buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
  ): boolean {
    if (this.#sizes[this.#next++] !== byteLength) this.#changed();
    this.#staging.set(
      new Uint8Array(buffer, byteOffset, byteLength),
      this.#offset,
    );
    this.#offset += alignBytes(byteLength);
    return true;
  }

  onReplay(action: () => void): void {
    action();
  }

  // Conditions were tested before the replay began, so they are ignored here.
  dependsOn(): void {}
  usesLeaf(): void {}
  preventReplay(): void {}

  dispatch(): never {
    this.#refuse();
  }
  copy(): never {
    this.#refuse();
  }
  clear(): never {
    this.#refuse();
  }
  read(): never {
    this.#refuse();
  }
  acquire(): never {
    this.#refuse();
  }
  release(): never {
    this.#refuse();
  }

  #refuse(): never {
    throw new TypeError(
      "Cannot use the GPU in onReplay(): an action may only set ReplayParams " +
        "and write tensors",
    );
  }

  #changed(): never {
    throw new TypeError(
      "Cannot replay: the actions in onReplay() write other tensors than when " +
        "the step was recorded: call clear() first",
    );
  }
}
