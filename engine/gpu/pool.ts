// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The memory of tensors: buffers are made once, handed out and taken back.

import { alignBytes, Block, BLOCK_ALIGNMENT } from "./block.ts";
import { GpuOutOfMemoryError } from "./errors.ts";
import { type Faults, UNWRITTEN } from "./faults.ts";
import { BufferUsage } from "./flags.ts";
import { observer } from "./observer.ts";

/** Bytes. Before a buffer of this size is made, all commands are submitted. */
const LARGE = 2 ** 20;

/** Figures of a {@linkcode Pool}. */
export interface PoolStatistics {
  /** Bytes of the blocks that tensors hold. */
  inUse: number;
  /** Bytes of all buffers, including free ones. */
  reserved: number;
  /** The largest `inUse` so far, in bytes. */
  peak: number;
  /** The number of blocks that tensors hold. */
  blocks: number;
  /** The number of buffers made so far. */
  created: number;
}

/**
 * The memory of tensors: hands out whole buffers by size and takes them back.
 *
 * The free block with the lowest number is always handed out first, so the blocks
 * that a step receives depend only on which are free when it starts. The same step
 * then uses the same buffers, and its bind groups come from a cache. A released
 * block may be handed out again at once, because the GPU runs commands in order.
 *
 * @example How much memory a program needs
 * ```ts
 * import { initialize, scope, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const { pool } = await initialize();
 * pool.resetPeak();
 * const before = pool.statistics().inUse;
 * {
 *   using _ = scope();
 *   zeros([64, 64]);
 * }
 * const { inUse, peak } = pool.statistics();
 * assertEquals(inUse, before);
 * assertEquals(peak, before + 64 * 64 * 4);
 * ```
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
  /** The bytes of all buffers when memory ran out for the first time. */
  #ceiling = Infinity;

  /**
   * Starts without buffers. Every {@linkcode Device} has one pool.
   *
   * @param gpu WebGPU's own device.
   * @param faults Where errors of the GPU are reported.
   * @param maxBinding Bytes of the largest binding.
   * @param stream How to submit all commands, and what to do before buffers are
   * destroyed.
   */
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
   * If there was no memory for a new buffer, that is known only later and thrown
   * at the next flush or read. The block is then never handed out again. From then
   * on, free blocks are destroyed before the pool grows to the same size again.
   *
   * @throws {RangeError} If no buffer of the device can be so large.
   * @throws {DeviceLostError} If the device is lost.
   */
  acquire(bytes: number): Block {
    this.#faults.alive();
    const size = this.sizeOf(bytes);
    const block = this.#free.get(size)?.pop() ?? this.#create(size);
    block.asked = Math.max(alignBytes(bytes), BLOCK_ALIGNMENT);
    block.made = UNWRITTEN;
    block.replicas = undefined;
    this.#inUse += size;
    this.#blocks++;
    if (this.#inUse > this.#peak) this.#peak = this.#inUse;
    observer()?.acquire(block);
    return block;
  }

  /** Gives a block back, so that it can be handed out again. */
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

  /** Destroys every free buffer, and returns how many bytes that freed. */
  trim(): number {
    this.#beforeDestroy();
    const before = this.#reserved;
    for (const free of this.#free.values()) {
      for (const block of free) this.#discard(block);
    }
    this.#free.clear();
    return before - this.#reserved;
  }

  /** The figures of the pool at this moment. */
  statistics(): PoolStatistics {
    return {
      inUse: this.#inUse,
      reserved: this.#reserved,
      peak: this.#peak,
      blocks: this.#blocks,
      created: this.#nextBlock,
    };
  }

  /** Restarts measuring {@linkcode PoolStatistics.peak}. */
  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  /**
   * The bytes of the block that {@linkcode acquire} would hand out: sizes above
   * 16 KiB are rounded up to an eighth of a power of two.
   *
   * @param bytes The bytes that are needed.
   * @returns The bytes that are taken.
   */
  sizeOf(bytes: number): number {
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
        `Cannot allocate ${size} bytes: the largest buffer of the device has ` +
          `${maxBufferSize}`,
      );
    }
    // If there is no memory for the buffer, commands that use it are refused. They
    // must not be in one chunk with commands recorded before.
    if (size >= LARGE) this.#flush();
    const reserved = this.#reserved + size;
    if (reserved >= this.#ceiling && this.#inUse < this.#reserved) this.trim();
    this.#reserved += size;
    const buffer = this.#faults.watch(
      () =>
        this.#gpu.createBuffer({
          size,
          usage: BufferUsage.STORAGE | BufferUsage.COPY_SRC |
            BufferUsage.COPY_DST,
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

  /** Makes sure that a block without memory is never handed out again. */
  #fail(block: Block): void {
    block.isInvalid = true;
    const free = this.#free.get(block.size);
    const at = free?.indexOf(block) ?? -1;
    if (at < 0) return; // A tensor still holds it.
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
