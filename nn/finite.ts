// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Whether weights are numbers to go on with. The answer stays on the GPU until
// something is read anyway: finding it costs one pass over the weights.

import {
  allocate,
  type Binding,
  defineKernel,
  fillInto,
  grid,
  type Kernel,
  launch,
  persist,
  specialize,
} from "../engine/kernel_kit.ts";
import type { AnyTensor, Device, Tensor } from "../engine/mod.ts";

/** What {@linkcode findUnusable} leaves where it finds nothing. */
export const NOTHING_FOUND = 0xffffffff;

/** The bits of infinity: NaN's are larger, those of all other numbers smaller. */
export const INFINITY_BITS = 0x7f800000;

/** The bits of 2⁶⁴, whose square is beyond 32-bit floats. */
export const HUGE_BITS = 0x5f800000;

/** Blocks of 64 elements to look at. */
export interface Search {
  /** The elements: whole blocks. */
  readonly values: AnyTensor | Binding;
  /** How many vectors of four there are. */
  readonly vectors: number;
  /** One word a block; 0xffffffff leaves a block out. */
  readonly owners: Tensor<"u32">;
  /** The word of the first block. @default {0} */
  readonly at?: number;
  /** The number that the first block has in the answer. @default {0} */
  readonly base?: number;
  /** The bits of the least magnitude that is too large. */
  readonly limit: number;
  /** Rises from search to search: of several the first answers. @default {0} */
  readonly turn?: number;
}

const find: Kernel = defineKernel({
  name: "find_unusable",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, at: u32, base: u32, limit: u32, turn: u32 }
@group(0) @binding(0) var<storage, read> bits: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> owners: array<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors || owners[p.at + start / 16u] == 0xffffffffu) { return; }
  var largest = vec4<u32>();
  for (var i = start; i < min(start + PER, p.vectors); i++) {
    largest = max(largest, bits[i] & vec4<u32>(0x7fffffffu));
  }
  if (all(largest < vec4<u32>(p.limit))) { return; }
  if (atomicLoad(&found[1]) < p.turn) { return; }
  atomicMin(&found[0], p.base + start / 16u);
  atomicMin(&found[1], p.turn);
}
`,
});

/** Makes the answer: the first block found and its turn, neither yet. */
export function makeAnswer(device: Device): Tensor<"u32"> {
  const found = persist(allocate(device, [2], "u32"));
  fillInto(found, NOTHING_FOUND);
  return found;
}

/** Looks for elements that are not finite, or too large. */
export function findUnusable(
  device: Device,
  search: Search,
  found: Tensor<"u32">,
): void {
  const { values, vectors, owners, at = 0, base = 0, limit, turn = 0 } = search;
  const per = device.isSoftware ? 16 : 1;
  const kernel = specialize(find, { PER: per });
  launch(device, kernel, {
    bind: [values, owners, found],
    params: { vectors, at, base, limit, turn },
    groups: grid(Math.ceil(vectors / per), kernel.workgroupSize),
  });
}
