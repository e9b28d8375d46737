// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { observer } from "./observer.ts";

/** A range of a {@linkcode Block} as a kernel sees it. Made once and reused. */
export interface Binding {
  /** Unique for the device's life; bind groups are cached by it. */
  readonly id: number;
  /** The buffer. */
  readonly block: Block;
  /** Bytes from the start of the buffer, a multiple of 256. */
  readonly offset: number;
  /** Bytes, a multiple of 4. */
  readonly size: number;
}

let nextBinding = 0;

/** One GPU buffer of the pool and the ranges of it that kernels use. */
export class Block {
  /** Rises with every block of a pool. */
  readonly id: number;
  /** WebGPU's own buffer. */
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
  /** Tensors that share this block. */
  references: number = 0;
  /** How often the block has been given back: its tenants are told apart by it. */
  generation: number = 0;
  /** The stream's chunk that last used this block. */
  chunk: number = -1;
  /** What is known of integers that the host wrote here; see host_integers.ts. */
  integers: object | undefined;
  /** The whole buffer as a binding. */
  readonly whole: Binding;
  #windows = new Map<number, Binding[]>();

  /** Use {@linkcode Pool.acquire}. */
  constructor(id: number, buffer: GPUBuffer, size: number) {
    this.id = id;
    this.buffer = buffer;
    this.size = size;
    this.whole = this.window(0, size);
  }

  /** The binding for a byte range; the same range gives the same object. */
  window(offset: number, size: number): Binding {
    let windows = this.#windows.get(offset);
    if (!windows) this.#windows.set(offset, windows = []);
    for (const binding of windows) if (binding.size === size) return binding;
    const binding = { id: nextBinding++, block: this, offset, size };
    windows.push(binding);
    return binding;
  }
}

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

/** Every buffer is a multiple of this, which is also the offset alignment. */
export const ALIGNMENT = 256;

/** Rounds a byte count up to {@linkcode ALIGNMENT}. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
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
  readonly #maxBinding: number;
  readonly #beforeDestroy: () => void;
  readonly #free = new Map<number, Block[]>();
  #nextBlock = 0;
  #inUse = 0;
  #reserved = 0;
  #peak = 0;
  #blocks = 0;

  /** Every {@linkcode Device} has one. */
  constructor(gpu: GPUDevice, maxBinding: number, beforeDestroy: () => void) {
    this.#gpu = gpu;
    this.#maxBinding = maxBinding;
    this.#beforeDestroy = beforeDestroy;
  }

  /** Takes a block of at least `bytes` bytes; its contents are arbitrary. */
  acquire(bytes: number): Block {
    const size = this.#sizeClass(bytes);
    const block = this.#free.get(size)?.pop() ?? this.#create(size);
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
    let bytes = 0;
    for (const free of this.#free.values()) {
      for (const block of free) {
        block.buffer.destroy();
        bytes += block.size;
      }
    }
    this.#free.clear();
    this.#reserved -= bytes;
    return bytes;
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
    const exact = Math.max(alignBytes(bytes), ALIGNMENT);
    if (exact <= 16384) return exact;
    const step = 2 ** (Math.floor(Math.log2(exact)) - 3);
    const rounded = Math.ceil(exact / step) * step;
    const crosses = exact <= this.#maxBinding && rounded > this.#maxBinding;
    return crosses || exact > this.#maxBinding ? exact : rounded;
  }

  #create(size: number): Block {
    const buffer = this.#gpu.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
        GPUBufferUsage.COPY_DST,
    });
    this.#reserved += size;
    return new Block(this.#nextBlock++, buffer, size);
  }
}
