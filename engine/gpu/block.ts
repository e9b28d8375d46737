// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { UNWRITTEN } from "./faults.ts";

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
  /** Bytes that its tenant asked for, aligned: the rest is slack. */
  asked: number = 0;
  /** Tensors that share this block. */
  references: number = 0;
  /** How often the block has been given back: its tenants are told apart by it. */
  generation: number = 0;
  /** The stream's chunk that last used this block. */
  chunk: number = -1;
  /** The chunk that wrote it first for its tenant; if refused, nothing did. */
  made: number = UNWRITTEN;
  /** Whether the GPU had no memory for it. */
  isInvalid: boolean = false;
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

/** Every buffer is a multiple of this, which is also the offset alignment. */
export const BLOCK_ALIGNMENT = 256;

/** Rounds a byte count up to {@linkcode BLOCK_ALIGNMENT}. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT;
}
