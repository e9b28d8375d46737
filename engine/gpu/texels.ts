// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Buffers read as textures. Mesa's software driver takes a loop over lanes with
// a bounds check for every word of a storage buffer, 60 to 100 ns for 8 lanes,
// but fetches a whole texel in 28: a kernel that reads its operands so often
// that they are its cost binds them as "texels", and the stream copies each to
// a texture before the dispatch, at the speed of memory.

import { type Faults, outOfMemory } from "./faults.ts";
import type { Binding } from "./block.ts";

/** Texels of four f32 in a row of a mirror: 32 KiB, a power of two. */
const WIDTH = 2048;
const ROW_BYTES = WIDTH * 16;

/** The largest binding that fits a mirror of WebGPU's default 8,192 rows. */
export const MAX_TEXEL_BYTES = 8192 * ROW_BYTES;

/**
 * Bytes that kernels which read an operand once or twice mirror at a time: so
 * many stay in the cache until they are read, and mirrors stay small.
 */
export const TEXEL_WINDOW = 4 * 2 ** 20;

/**
 * Whether an operand that a kernel reads whole is worth a mirror, on an adapter
 * that reads texels faster. Copying less takes longer than it saves; mirrors are
 * kept, so that larger ones would take too much memory.
 */
export function isWorthMirroring(bytes: number): boolean {
  return bytes >= 256 * 1024 && bytes <= 8 * TEXEL_WINDOW;
}

/**
 * WGSL that declares a binding of `"texels"` and its function
 * `{name}_texel(i)`, which gives elements 4i to 4i + 3.
 */
export function declareTexels(binding: number, name: string): string {
  return /* wgsl */ `
@group(0) @binding(${binding}) var ${name}: texture_2d<f32>;
fn ${name}_texel(i: u32) -> vec4<f32> {
  return textureLoad(${name}, vec2<u32>(i & ${WIDTH - 1}u, i >> ${
    Math.log2(WIDTH)
  }u), 0);
}`;
}

/** A texture as a kernel sees it. */
export interface TexelBinding {
  /** Unique among these and every {@linkcode Binding}. */
  readonly id: number;
  /** What to bind. */
  readonly view: GPUTextureView;
}

/** The arguments of `copyBufferToTexture`. */
export type TexelCopy = readonly [
  source: GPUTexelCopyBufferInfo,
  target: GPUTexelCopyTextureInfo,
  size: number[],
];

/** A mirror and the copies that fill it. */
export interface MirrorPlan {
  readonly mirror: TexelBinding;
  readonly copies: readonly TexelCopy[];
}

/** Where bindings are mirrored: a texture for each place and magnitude. */
export class Mirrors {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #textures = new Map<
    number,
    TexelBinding & { texture: GPUTexture }
  >();

  /** The stream has one. */
  constructor(gpu: GPUDevice, faults: Faults) {
    this.#gpu = gpu;
    this.#faults = faults;
  }

  /**
   * Records copying a binding to a texture, which holds it until the same place
   * of a later dispatch is mirrored.
   */
  copy(
    encoder: GPUCommandEncoder,
    binding: Binding,
    place: number,
  ): TexelBinding {
    const { mirror, copies } = this.plan(binding, place);
    for (const [source, target, size] of copies) {
      encoder.copyBufferToTexture(source, target, size);
    }
    return mirror;
  }

  /** What {@linkcode copy} records, to be recorded often. */
  plan({ block, offset, size }: Binding, place: number): MirrorPlan {
    const rows = Math.ceil(size / ROW_BYTES);
    const magnitude = Math.ceil(Math.log2(rows));
    const mirror = this.#mirror(place, magnitude);
    const full = Math.floor(size / ROW_BYTES);
    const copies: TexelCopy[] = [];
    const copy = (first: number, height: number, width: number) => {
      if (height === 0 || width === 0) return;
      copies.push([
        {
          buffer: block.buffer,
          offset: offset + first * ROW_BYTES,
          bytesPerRow: ROW_BYTES,
        },
        { texture: mirror.texture, origin: [0, first, 0] },
        [width, height, 1],
      ]);
    };
    copy(0, full, WIDTH);
    copy(full, 1, (size - full * ROW_BYTES) / 16);
    return { mirror, copies };
  }

  #mirror(
    place: number,
    magnitude: number,
  ): TexelBinding & { texture: GPUTexture } {
    const id = -1 - (place * 32 + magnitude); // Bindings count up from 0.
    let mirror = this.#textures.get(id);
    if (!mirror) {
      const texture = this.#faults.watch(
        () =>
          this.#gpu.createTexture({
            label: "texels",
            format: "rgba32float",
            size: [WIDTH, 2 ** magnitude],
            usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
          }),
        (error) => {
          this.#textures.delete(id); // The next use tries anew.
          return outOfMemory(error);
        },
        "out-of-memory",
      );
      mirror = { id, texture, view: texture.createView() };
      this.#textures.set(id, mirror);
    }
    return mirror;
  }
}
