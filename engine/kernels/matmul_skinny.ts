// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The product for GPUs where C has few rows, as in decoding. What counts there
// is to read B once, at full speed. A workgroup owns 4 or 16 rows by some quads
// of columns. Its lanes share the sum over k in steps of four, and add their
// parts in a tree that halves the lanes, so that the order is fixed. Where B is
// stored [N, K], all lanes read along one quad of columns; where it is stored
// [K, N], 8 neighbors read 8 neighboring quads of a row.

import type { Block, MatmulForm } from "./matmul_form.ts";
import { offsets } from "./matmul_operands.ts";
import { unroll } from "./unroll.ts";

/** How many columns of C a workgroup owns. */
export function skinnyColumns(transposeB: boolean): number {
  return transposeB ? 4 : 32;
}

/** The text of the kernel, from its workgroup memory on. */
export function skinny(form: MatmulForm, { m, k: threads }: Block): string {
  const columns = skinnyColumns(form.transposeB);
  const wide = columns / 4;
  const lanes = threads / wide;
  const groups = m / 4;
  // The sums along k are added up like further rows of C.
  const extra = form.sums === "a" ? groups : form.sums === "b" ? 1 : 0;
  const rows = m + extra;
  const sums = (j: number) => {
    if (form.sums === "b") return `      c${m} += b[${j}];`;
    return unroll(extra, (g) => `      c${m + g} += a${g}[${j}];`);
  };
  const finishSums = form.sums === "a"
    ? `if (n == 0u) {
      let at = m0 + (r - ${m}u) * 4u;
      ${heldFirst(form, "at")}
      finish_sums(base_s, at, p.M, v);
    }`
    : form.sums === "b"
    ? `if (m0 == 0u) {
      ${heldFirst(form, "n")}
      finish_sums(base_s, n, p.N, v);
    }`
    : "";
  return /* wgsl */ `
var<workgroup> parts: array<array<vec4<f32>, ${threads / 2}>, ${rows}>;
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) t: u32,
) {
  let across = (p.N + ${columns - 1}u) / ${columns}u;
  let block = group.x + group.y * groups.x;
  let m0 = block / across * ${m}u;
  let n0 = block % across * ${columns}u;
  if (m0 >= p.M) { return; }
  let x = t % ${wide}u;
  let lane = t / ${wide}u;
${offsets(form, "group.z")}
${unroll(rows, (r) => `  var c${r} = vec4<f32>();`)}
  for (var k = lane * 4u; k < end; k += ${lanes * 4}u) {
    let b = load_b(base_b, n0 + x * 4u, k, end);
${
    unroll(groups, (g) =>
      [
        `    let a${g} = load_a(base_a, m0 + ${4 * g}u, k, end);`,
        unroll(4, (j) =>
          unroll(4, (r) =>
            `      c${
              4 * g + r
            } = fma(vec4<f32>(a${g}[${j}][${r}]), b[${j}], c${4 * g + r});`)),
      ].join("\n"))
  }
${form.sums ? unroll(4, sums) : ""}
  }
  for (var step = ${lanes / 2}u; step > 0u; step /= 2u) {
    if (lane >= step && lane < 2u * step) {
${unroll(rows, (r) => `      parts[${r}][t - step * ${wide}u] = c${r};`)}
    }
    workgroupBarrier();
    if (lane < step) {
${unroll(rows, (r) => `      c${r} += parts[${r}][t];`)}
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
${unroll(rows, (r) => `    parts[${r}][x] = c${r};`)}
  }
  workgroupBarrier();
  for (var i = t; i < ${rows * wide}u; i += ${threads}u) {
    let r = i / ${wide}u;
    let n = n0 + i % ${wide}u * 4u;
    var v = parts[r][i % ${wide}u];
    if (r >= ${m}u) {
      ${finishSums}
    } else if (m0 + r < p.M) {
      ${form.resume ? "v += held(base_c, m0 + r, n);" : ""}
      finish(base_c, m0 + r, n, v + shift(n));
    }
  }
}
`;
}

/**
 * The line that adds the old sums to the new ones, where the sums go on from
 * them.
 */
function heldFirst(form: MatmulForm, at: string): string {
  return form.resume ? `v += held_sums(base_s, ${at});` : "";
}
