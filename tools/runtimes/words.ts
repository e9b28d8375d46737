// Copyright 2026 the swagpu authors. MIT license.

/**
 * Random words, made by Philox: whole numbers, which must not differ by a bit.
 *
 * @module
 */

import { type Device, scope } from "../../engine/mod.ts";
import {
  allocate,
  defineKernel,
  grid,
  type Kernel,
  launch,
  PHILOX,
  philox4x32,
} from "../../engine/kernel_kit.ts";

/** How many blocks of four words are made. */
const BLOCKS = 512;

const KEY: [number, number] = [0x5eed_0001, 0x9e37_79b9];

const WORDS: Kernel = defineKernel({
  name: "words",
  wgsl: /* wgsl */ `
struct Params { count: u32, key0: u32, key1: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(1) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.count) {
    y[id.x] = philox_block(vec2<u32>(params.key0, params.key1), vec2<u32>(3u, 5u), id.x);
  }
}
` + PHILOX,
});

/** Makes random words on the GPU. */
export async function makeWords(device: Device): Promise<number[]> {
  using _ = scope();
  const words = allocate(device, [BLOCKS, 4], "u32");
  launch(device, WORDS, {
    bind: [words],
    params: { count: BLOCKS, key0: KEY[0], key1: KEY[1] },
    groups: grid(BLOCKS, WORDS.workgroupSize),
  });
  return [...await words.data()];
}

/** The words that {@linkcode makeWords} must give, made on the host. */
export function expectedWords(): number[] {
  return Array.from({ length: BLOCKS }, (_, i) => philox4x32([i, 0, 3, 5], KEY))
    .flat();
}
