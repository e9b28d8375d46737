// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The memory of tensors: buffers, and the ranges of them that kernels bind.

import { UNWRITTEN } from "./faults.ts";

/** A range of a {@linkcode Block} that a kernel binds. It is made once and kept. */
export interface Binding {
  /** Unique among all bindings; bind groups are cached by it. */
  readonly id: number;
  /** The buffer. */
  readonly block: Block;
  /** Bytes from the start of the buffer, a multiple of 256. */
  readonly offset: number;
  /** The length in bytes, a multiple of 4. */
  readonly size: number;
}

/** How the memory of replicas lies in a block; see replication.ts. */
export interface ReplicaSpace {
  /** The number of replicas. */
  readonly count: number;
  /** Bytes from one replica's elements to the next one's, a multiple of 256. */
  readonly bytes: number;
}

let nextBinding = 0;

/**
 * A buffer on the GPU. The pool hands it out and takes it back; tensors that are
 * views of each other share it.
 *
 * @example The block of a tensor
 * ```ts
 * import { initialize, reshape, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * assertEquals(x.block.size, 256); // bytes: the smallest block
 * assertEquals(reshape(x, [2, 1]).block, x.block);
 * ```
 */
export class Block {
  /** Incremented with every block of a pool. */
  readonly id: number;
  /** WebGPU's own buffer. */
  readonly buffer: GPUBuffer;
  /** The length in bytes. */
  readonly size: number;
  /** Bytes that were asked for, aligned; the rest is not used. */
  asked: number = 0;
  /** The number of tensors that share the block. */
  references: number = 0;
  /**
   * Incremented at every release, so that two tensors that used the block in turn
   * can be told apart.
   */
  generation: number = 0;
  /** The stream's chunk that last used the block. */
  chunk: number = -1;
  /**
   * The stream's chunk that first wrote the block since it was acquired. If that
   * chunk was refused, the block holds nothing.
   */
  made: number = UNWRITTEN;
  /** Whether the GPU had no memory for the buffer. */
  isInvalid: boolean = false;
  /** What is known about integers that the host wrote; see host_integers.ts. */
  integers: object | undefined;
  /** Set if each of several replicas has a part of the block. */
  replicas: ReplicaSpace | undefined;
  /** The whole buffer as a binding. */
  readonly whole: Binding;
  #windows = new Map<number, Binding[]>();

  /**
   * Wraps a buffer. Blocks for tensors come from {@linkcode Pool.acquire}.
   *
   * @param id A number that no other block of the pool has.
   * @param buffer WebGPU's own buffer.
   * @param size Its length in bytes.
   */
  constructor(id: number, buffer: GPUBuffer, size: number) {
    this.id = id;
    this.buffer = buffer;
    this.size = size;
    this.whole = this.window(0, size);
  }

  /** The binding of a byte range; the same range gives the same object. */
  window(offset: number, size: number): Binding {
    let windows = this.#windows.get(offset);
    if (!windows) this.#windows.set(offset, windows = []);
    for (const binding of windows) if (binding.size === size) return binding;
    const binding = { id: nextBinding++, block: this, offset, size };
    windows.push(binding);
    return binding;
  }
}

/** Bytes. Sizes of buffers and offsets of bindings are multiples of it. */
export const BLOCK_ALIGNMENT = 256;

/** Rounds a byte count up to {@linkcode BLOCK_ALIGNMENT}. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT;
}
