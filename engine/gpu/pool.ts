// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { alignBytes, Block, BLOCK_ALIGNMENT } from "./block.ts";
import { GpuOutOfMemoryError } from "./errors.ts";
import { type Faults, UNWRITTEN } from "./faults.ts";
import { observer } from "./observer.ts";

/** New buffers from this size on are made after what was recorded has gone up. */
const LARGE = 2 ** 20;

/** Figures of a {@linkcode Pool}, in bytes and counts. */
export interface PoolStatistics {
  /** Bytes of the blocks that tensors hold. */
  inUse: number;
  /** Bytes of all buffers, free ones included. */
  reserved: number;
  /** The largest `inUse` so far. */
  peak: number;
  /** Blocks that tensors hold. */
  blocks: number;
  /** Buffers ever made. */
  created: number;
}

/**
 * Hands out whole buffers by size class and takes them back.
 *
 * The lowest-numbered free block of a class is always the next one, so the
 * blocks that a step receives depend only on which are free when it starts:
 * the same step meets the same buffers, and its bind groups come from a cache.
 * A released block may be handed out at once, because the queue runs in order.
 */
export class Pool {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #maxBinding: number;
  readonly #flush: () => void;
  readonly #beforeDestroy: () => void;
  readonly #free = new Map<number, Block[]>();
  #nextBlock = 0;
  #inUse = 0;
  #reserved = 0;
  #peak = 0;
  #blocks = 0;
  /** Bytes of all buffers at which memory ran out before. */
  #ceiling = Infinity;

  /** Every {@linkcode Device} has one. */
  constructor(
    gpu: GPUDevice,
    faults: Faults,
    maxBinding: number,
    { flush, beforeDestroy }: { flush(): void; beforeDestroy(): void },
  ) {
    this.#gpu = gpu;
    this.#faults = faults;
    this.#maxBinding = maxBinding;
    this.#flush = flush;
    this.#beforeDestroy = beforeDestroy;
  }

  /**
   * Takes a block of at least `bytes` bytes; its contents are arbitrary.
   *
   * Whether there was memory for a new buffer is known later, and thrown at the
   * next flush or read. Its block is never handed out again, free blocks are
   * destroyed, and from then on they are destroyed before as much is asked for.
   *
   * @throws {RangeError} If no buffer of the device can be so large.
   * @throws {DeviceLostError} If the device is gone.
   */
  acquire(bytes: number): Block {
    this.#faults.alive();
    const size = this.#sizeClass(bytes);
    const block = this.#free.get(size)?.pop() ?? this.#create(size);
    block.asked = Math.max(alignBytes(bytes), BLOCK_ALIGNMENT);
    block.made = UNWRITTEN;
    this.#inUse += size;
    this.#blocks++;
    if (this.#inUse > this.#peak) this.#peak = this.#inUse;
    observer()?.acquire(block);
    return block;
  }

  /** Gives a block back. */
  release(block: Block): void {
    observer()?.release(block);
    block.generation++;
    block.integers = undefined;
    this.#inUse -= block.size;
    this.#blocks--;
    if (block.isInvalid) return this.#discard(block);
    let free = this.#free.get(block.size);
    if (!free) this.#free.set(block.size, free = []);
    let low = 0; // Sorted by falling id: pop() takes the lowest.
    let high = free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((free[middle]?.id ?? 0) > block.id) low = middle + 1;
      else high = middle;
    }
    free.splice(low, 0, block);
  }

  /** Destroys every free buffer and returns the bytes that came free. */
  trim(): number {
    this.#beforeDestroy();
    const before = this.#reserved;
    for (const free of this.#free.values()) {
      for (const block of free) this.#discard(block);
    }
    this.#free.clear();
    return before - this.#reserved;
  }

  /** The pool's figures now. */
  statistics(): PoolStatistics {
    return {
      inUse: this.#inUse,
      reserved: this.#reserved,
      peak: this.#peak,
      blocks: this.#blocks,
      created: this.#nextBlock,
    };
  }

  /** Starts measuring {@linkcode PoolStatistics.peak} anew. */
  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  /** Small sizes exactly, larger ones to an eighth of a power of two. */
  #sizeClass(bytes: number): number {
    const exact = Math.max(alignBytes(bytes), BLOCK_ALIGNMENT);
    if (exact <= 16384) return exact;
    const step = 2 ** (Math.floor(Math.log2(exact)) - 3);
    const rounded = Math.ceil(exact / step) * step;
    const crosses = exact <= this.#maxBinding && rounded > this.#maxBinding;
    const large = exact > this.#maxBinding ||
      rounded > this.#gpu.limits.maxBufferSize;
    return crosses || large ? exact : rounded;
  }

  #create(size: number): Block {
    const { maxBufferSize } = this.#gpu.limits;
    if (size > maxBufferSize) {
      throw new RangeError(
        `Cannot allocate ${size} bytes: the device's largest buffer has ` +
          `${maxBufferSize}`,
      );
    }
    // What was recorded before is not to share the fate of what uses the buffer.
    if (size >= LARGE) this.#flush();
    const reserved = this.#reserved + size;
    if (reserved >= this.#ceiling && this.#inUse < this.#reserved) this.trim();
    this.#reserved += size;
    const buffer = this.#faults.watch(
      () =>
        this.#gpu.createBuffer({
          size,
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
            GPUBufferUsage.COPY_DST,
        }),
      (error) => {
        this.#fail(block);
        this.#ceiling = Math.min(this.#ceiling, reserved);
        return this.#outOfMemory(size, error);
      },
      "out-of-memory",
    );
    const block = new Block(this.#nextBlock++, buffer, size);
    return block;
  }

  /** Takes a block that there was no memory for out of circulation. */
  #fail(block: Block): void {
    block.isInvalid = true;
    const free = this.#free.get(block.size);
    const at = free?.indexOf(block) ?? -1;
    if (at < 0) return; // A tensor holds it still.
    free?.splice(at, 1);
    this.#discard(block);
  }

  #discard(block: Block): void {
    block.buffer.destroy();
    this.#reserved -= block.size;
  }

  #outOfMemory(size: number, { message }: GPUError): Error {
    const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    return new GpuOutOfMemoryError(
      `The GPU has no memory left for ${mebibytes(size)}: tensors hold ` +
        `${mebibytes(this.#inUse)}, the pool ${mebibytes(this.#reserved)}: ` +
        message,
    );
  }
}
