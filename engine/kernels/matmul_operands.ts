// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Where a kernel of products finds its operands, and how it reads them: in 4×4
// quads, turned so that what is stored transposed looks like what is not.

import {
  type EpilogueForm,
  readFour,
  type Reading,
} from "./matmul_epilogue.ts";

/** What the place of an item of the batch depends on. */
interface Placed extends Pick<EpilogueForm, "sums"> {
  /** Whether items of the batch are stretches of one sum along k. */
  split: boolean;
}

/** The lines that say where item `z` of the batch starts and how deep it is. */
export function place(form: Placed, z: string): string {
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
 * The function that fetches a quad: column j of the result is element k + j of
 * four neighbouring rows of op(A), or columns of op(B), from `at` on; zero from
 * `end` on.
 *
 * @param alongK Whether neighbours in memory are neighbours along k.
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
