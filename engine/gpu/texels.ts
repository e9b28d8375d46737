// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Buffers that are read as textures. Mesa's software driver reads a word of a
// storage buffer with a loop over lanes and a bounds check, in 60 to 100 ns for 8
// lanes, but it fetches a whole texel in 28 ns. So a kernel whose cost is reading
// its operands binds them as "texels": before the dispatch, the stream copies each
// of them to a texture, its mirror, at the speed of memory.

import type { Binding } from "./block.ts";
import { type Faults, outOfMemory } from "./faults.ts";
import { TextureUsage } from "./flags.ts";

/** Texels in a row of a mirror, a power of two; each holds four f32. */
const WIDTH = 2048;
const ROW_BYTES = WIDTH * 16;

/** Bytes of the largest mirror: WebGPU's default limit is 8,192 rows. */
export const MAX_TEXEL_BYTES = 8192 * ROW_BYTES;

/**
 * Bytes that are mirrored at a time for kernels that read an operand once or
 * twice: so many stay in the CPU's cache until they are read.
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
 * Writes the WGSL that declares a binding of access `"texels"` and the function
 * `{name}_texel(i)`, which returns the elements 4i to 4i + 3.
 *
 * @param binding The number of the binding.
 * @param name The name of the operand.
 * @returns WGSL to insert into a kernel.
 *
 * @example Usage
 * ```ts
 * import { declareTexels } from "@swagpu/swagpu/engine/kernels";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const text = declareTexels(0, "x");
 * assertStringIncludes(text, "var x: texture_2d<f32>;");
 * assertStringIncludes(text, "fn x_texel(i: u32) -> vec4<f32>");
 * ```
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

/**
 * WGSL that declares an input and its function `{name}_at(i)`, whether the input
 * is a buffer or is read as texels. So one text serves both.
 *
 * @param binding The number of the binding.
 * @param name The name of the variable.
 * @param texels Whether the input is read as texels, which are `vec4<f32>`.
 * @param type The type of an element of the buffer.
 * @returns The declarations, for the text of a kernel.
 *
 * @example One text for buffers and texels
 * ```ts
 * import { declareInput, defineKernel } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const negate = (texels: boolean) =>
 *   defineKernel({
 *     name: "negate",
 *     wgsl: `
 * ${declareInput(0, "x", texels)}
 * @group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
 * @compute @workgroup_size(64)
 * fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = -x_at(id.x); }`,
 *   });
 * assertEquals(negate(false).bind, ["read", "write"]);
 * assertEquals(negate(true).bind, ["texels", "write"]);
 * ```
 */
export function declareInput(
  binding: number,
  name: string,
  texels: boolean,
  type = "vec4<f32>",
): string {
  return texels
    ? declareTexels(binding, name) + /* wgsl */ `
fn ${name}_at(i: u32) -> ${type} { return ${name}_texel(i); }
`
    : /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read> ${name}: array<${type}>;
fn ${name}_at(i: u32) -> ${type} { return ${name}[i]; }
`;
}

/** A texture as a kernel sees it. */
export interface TexelBinding {
  /** Unique among all texel bindings and {@linkcode Binding}s. */
  readonly id: number;
  /** The view of the texture to bind. */
  readonly view: GPUTextureView;
}

/** The arguments of `copyBufferToTexture`. */
export type TexelCopy = readonly [
  source: GPUTexelCopyBufferInfo,
  target: GPUTexelCopyTextureInfo,
  size: number[],
];

/** A mirror, and the copies that fill it. */
export interface MirrorPlan {
  readonly mirror: TexelBinding;
  readonly copies: readonly TexelCopy[];
}

/**
 * The textures that bindings are mirrored in: one for each place among a kernel's
 * bindings and each power of two of rows.
 */
export class Mirrors {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #textures = new Map<
    number,
    TexelBinding & { texture: GPUTexture }
  >();

  /** Starts without textures. */
  constructor(gpu: GPUDevice, faults: Faults) {
    this.#gpu = gpu;
    this.#faults = faults;
  }

  /**
   * Records copying a binding to its mirror, which holds the values until the
   * same place of a later dispatch is mirrored.
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

  /** The copies that {@linkcode copy} would record, to be recorded often. */
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
            usage: TextureUsage.TEXTURE_BINDING | TextureUsage.COPY_DST,
          }),
        (error) => {
          this.#textures.delete(id); // The next use tries again.
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
