// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a kernel of products finds its operands, and reads them in 4×4 quads.
// Quads of transposed operands are turned, so that the kernels see no
// difference.

import {
  type EpilogueForm,
  readFour,
  type Reading,
} from "./matmul_epilogue.ts";

/** The properties that say where an item of the batch lies. */
interface Batched extends Pick<EpilogueForm, "sums"> {
  /** Whether the items of the batch are parts of one sum along k. */
  split: boolean;
}

/**
 * The lines that say where item `z` of the batch starts, and where its sum
 * ends.
 */
export function offsets(form: Batched, z: string): string {
  return /* wgsl */ `
  let base_a = p.offset_a + ${z} * p.batch_a;
  let base_b = p.offset_b + ${z} * p.batch_b;
  let base_c = p.offset_c + ${z} * p.batch_c;
  let base_s = p.sums_at${
    form.split ? ` + ${z} * ${form.sums === "b" ? "p.N" : "p.M"}` : ""
  };
  let end = ${form.split ? `min(p.K, p.total - ${z} * p.K)` : "p.K"};`;
}

/**
 * The function `load_name`, which fetches a quad: column j of the result is
 * element k + j of four neighboring rows of op(A), or columns of op(B), from
 * `at` on. Elements from `end` on are zero.
 *
 * @param name The name of the operand in functions and parameters.
 * @param buffer The name of its variable.
 * @param alongK Whether neighbors in memory are neighbors along k.
 * @param reading How the variable is read.
 * @param ragged Whether K is not a multiple of four.
 */
export function loader(
  name: string,
  buffer: string,
  alongK: boolean,
  reading: Reading,
  ragged: boolean,
): string {
  const quad = (j: number) => {
    const load = `four_${name}(i + ${j}u * p.ld${name})`;
    if (!ragged) return load;
    const keep = alongK
      ? "vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(end)"
      : `k + ${j}u < end`;
    return `select(vec4<f32>(), ${load}, ${keep})`;
  };
  const [row, column] = alongK ? ["at", "k"] : ["k", "at"];
  const matrix = `mat4x4<f32>(${[0, 1, 2, 3].map(quad).join(", ")})`;
  return /* wgsl */ `
fn four_${name}(i: u32) -> vec4<f32> { return ${readFour(buffer, reading)}; }
fn load_${name}(base: u32, at: u32, k: u32, end: u32) -> mat4x4<f32> {
  let i = base + ${row} * p.ld${name} + ${column};
  return ${alongK ? `transpose(${matrix})` : matrix};
}`;
}
