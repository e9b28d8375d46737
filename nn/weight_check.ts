// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A search on the GPU for weights that are not finite, or too large.

import {
  allocate,
  type Binding,
  defineKernel,
  fillInto,
  grid,
  launch,
  persist,
  specialize,
} from "../engine/kernel_kit.ts";
import type { AnyTensor, Device, Tensor } from "../engine/mod.ts";

/** Both words of the answer while nothing has been found. */
const NOTHING = 0xffffffff;

/** The weights that one call of {@linkcode WeightCheck.look} searches. */
export interface WeightBlocks {
  /** The weights: whole blocks of 64 elements. */
  readonly values: AnyTensor | Binding;
  /** The number of weights, divided by 4. */
  readonly vectors: number;
  /** One `u32` per block; 0xffffffff leaves the block out of the search. */
  readonly owners: Tensor<"u32">;
  /** The index in `owners` of the first block. @default {0} */
  readonly at?: number;
  /** The number that the answer gives to the first block. @default {0} */
  readonly base?: number;
  /**
   * The magnitude from which on a weight counts as unusable. NaN always does.
   *
   * @default {Infinity}
   */
  readonly limit?: number;
  /**
   * The number of the search. Give later searches larger numbers: the answer
   * names the first search that found something.
   *
   * @default {0}
   */
  readonly turn?: number;
}

/** Where a {@linkcode WeightCheck} found an unusable weight. */
export interface UnusableWeight {
  /** The lowest block that holds one. */
  readonly block: number;
  /** The first search that found one. */
  readonly turn: number;
}

// An invocation owns PER vectors of four weights, which lie in one block. It
// compares their bits without the sign: as integers, the bits of floats that are
// not negative have the order of the floats, and NaN comes after infinity. The
// answer is a minimum of integers, so it does not depend on the order of the
// invocations.
const find = defineKernel({
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

/**
 * Searches weights for NaN, infinities and numbers that are too large.
 *
 * A search costs one pass over the weights and no wait: the answer stays on the
 * GPU, to be read together with something else.
 *
 * @example Find a NaN
 * ```ts
 * import { currentDevice, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { WeightCheck } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const weights = new Float32Array(128);
 * weights[100] = NaN;
 * using check = new WeightCheck(currentDevice());
 * const owners = tensor([0, 1], { dtype: "u32" });
 * check.look({ values: tensor(weights), vectors: 32, owners });
 * const answer = WeightCheck.parse(await check.answer.data());
 * assertEquals(answer, { block: 1, turn: 0 });
 * ```
 */
export class WeightCheck implements Disposable {
  /** The answer, `[2]` of `u32`; {@linkcode WeightCheck.parse} reads it. */
  readonly answer: Tensor<"u32">;

  /**
   * Allocates the answer.
   *
   * @param device The device that holds the weights.
   */
  constructor(device: Device) {
    this.answer = persist(allocate(device, [2], "u32"));
    fillInto(this.answer, NOTHING);
  }

  /**
   * What an answer says that has been read.
   *
   * @param words The elements of {@linkcode WeightCheck.answer}.
   * @returns The first unusable weight, or `undefined` if there is none.
   */
  static parse(words: ArrayLike<number>): UnusableWeight | undefined {
    const { 0: block = NOTHING, 1: turn = NOTHING } = words;
    return turn === NOTHING ? undefined : { block, turn };
  }

  /** Searches weights: one dispatch. */
  look(blocks: WeightBlocks): void {
    const { values, vectors, owners, at = 0, base = 0, turn = 0 } = blocks;
    const { device } = this.answer;
    const per = device.isSoftware ? 16 : 1;
    const kernel = specialize(find, { PER: per });
    launch(device, kernel, {
      bind: [values, owners, this.answer],
      params: { vectors, at, base, limit: bitsOf(blocks.limit), turn },
      groups: grid(Math.ceil(vectors / per), kernel.workgroupSize),
    });
  }

  /** Forgets what has been found. */
  reset(): void {
    this.answer.write([NOTHING, NOTHING]);
  }

  /** Frees the answer. */
  [Symbol.dispose](): void {
    this.answer.dispose();
  }
}

/** The bits of a 32-bit float. */
function bitsOf(value = Infinity): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? NOTHING;
}
