// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the host sends to the GPU with a chunk of commands: the parameters of its
// dispatches, and small values for memory that the chunk uses. Each kind is
// gathered in one array of the host and goes up in one write when the chunk is
// submitted.

import { BufferUsage } from "./flags.ts";
import type { ParamType } from "./kernel.ts";
import { PARAMS_BYTES } from "./pipeline.ts";
import { type PlainParam, ReplayParam } from "./observer.ts";

/** The parameters of a chunk's dispatches, one slot of fixed size for each. */
export class ParamArena {
  /** The uniform buffer that dispatches bind at the offset of their slot. */
  readonly buffer: GPUBuffer;
  readonly #staging: ArrayBuffer;
  readonly #u32: Uint32Array<ArrayBuffer>;
  readonly #i32: Int32Array<ArrayBuffer>;
  readonly #f32: Float32Array<ArrayBuffer>;
  #used = 0;

  /** Makes room for the parameters of so many dispatches. */
  constructor(gpu: GPUDevice, dispatches: number) {
    const size = dispatches * PARAMS_BYTES;
    this.buffer = gpu.createBuffer({
      label: "params",
      size,
      usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST,
    });
    this.#staging = new ArrayBuffer(size);
    this.#u32 = new Uint32Array(this.#staging);
    this.#i32 = new Int32Array(this.#staging);
    this.#f32 = new Float32Array(this.#staging);
  }

  /**
   * Puts the parameters of a dispatch into the next slot.
   *
   * @returns The offset of the slot in bytes.
   * @throws {TypeError} If a parameter is missing; the slot is then still free.
   */
  add(
    name: string,
    fields: readonly [string, ParamType][],
    params: Readonly<Record<string, PlainParam>>,
  ): number {
    const offset = this.#used;
    let at = offset >> 2;
    for (const [field, type] of fields) {
      const param = params[field];
      const value = param instanceof ReplayParam ? param.value : param;
      if (value === undefined) {
        throw new TypeError(
          `Cannot dispatch ${name}: parameter ${field} is missing`,
        );
      }
      if (type === "f32") this.#f32[at++] = value;
      else if (type === "u32") this.#u32[at++] = value;
      else this.#i32[at++] = value;
    }
    this.#used = offset + PARAMS_BYTES;
    return offset;
  }

  /** Frees all slots for the next chunk, and returns the bytes used by this. */
  take(): number {
    const used = this.#used;
    this.#used = 0;
    return used;
  }

  /** Writes the slots that {@linkcode take} freed, before anything else does. */
  write(queue: GPUQueue, bytes: number): void {
    if (bytes > 0) queue.writeBuffer(this.buffer, 0, this.#staging, 0, bytes);
  }
}

/** Bytes of values that one chunk can hold back. */
const UPLOAD_BYTES = 256 * 1024;

/**
 * Values that a chunk's commands copy to where they belong, because a command
 * recorded earlier in the chunk still uses what is there.
 */
export class UploadArena {
  readonly #buffer: GPUBuffer;
  readonly #staging = new Uint8Array(UPLOAD_BYTES);
  #used = 0;

  /** Makes the buffer that the values are copied from. */
  constructor(gpu: GPUDevice) {
    this.#buffer = gpu.createBuffer({
      label: "uploads",
      size: UPLOAD_BYTES,
      usage: BufferUsage.COPY_SRC | BufferUsage.COPY_DST,
    });
  }

  /** Whether so many bytes still fit into this chunk. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= UPLOAD_BYTES;
  }

  /** Records copying values to a buffer; there must be room for them. */
  copy(
    encoder: GPUCommandEncoder,
    { buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
    target: GPUBuffer,
    offset: number,
  ): void {
    this.#staging.set(
      new Uint8Array(buffer, byteOffset, byteLength),
      this.#used,
    );
    encoder.copyBufferToBuffer(
      this.#buffer,
      this.#used,
      target,
      offset,
      byteLength,
    );
    this.#used += byteLength;
  }

  /** Frees all room for the next chunk, and returns the bytes used by this. */
  take(): number {
    const used = this.#used;
    this.#used = 0;
    return used;
  }

  /** Writes the values that {@linkcode take} freed, before anything else does. */
  write(queue: GPUQueue, bytes: number): void {
    if (bytes > 0) queue.writeBuffer(this.#buffer, 0, this.#staging, 0, bytes);
  }
}
