// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The product for GPUs. A workgroup owns an M×N tile of C and an invocation 4×4,
// 8×4 or 8×8 elements of it, in quads of four rows by four columns. Slices of A
// and B of some depth lie in workgroup memory with k as the outer axis, whatever
// their order in storage. So the multiply-adds read vec4s along m and n: four
// reads for 64 of them where an invocation has 8×8. While one slice is multiplied,
// the next is fetched to registers. It is stored when all have read the first,
// which takes two barriers a slice. A second place for slices would save one of
// them, but with half the memory more workgroups run on a multiprocessor, and
// hide more. The steps along a slice are written one after the other, because a
// loop would keep the compiler from mixing their reads and multiply-adds.
// bench/RESULTS.md has the forms that were compared on an H200.
//
// Banks: 8 neighboring invocations read 8 neighboring vec4s. An operand whose
// storage runs along k is written across rows of the slice. There the position
// of a vec4 is turned by `at ^ turn(k)`, so that those writes go to 8 different
// banks, too.
//
// Caches: workgroups walk down bands of 8 tiles, so that those at work at the
// same time share rows of A and columns of B.
//
// The registers of an invocation are named variables, c{row}_{quad} for C (see
// unroll.ts). `deno task wgsl matmul tiled64` prints the text that results.

import type { Block, MatmulForm } from "./matmul_form.ts";
import { offsets } from "./matmul_operands.ts";
import { choice, unroll } from "./unroll.ts";

/** The rows of tiles in a band. */
const BAND = 8;

/** The text of the kernel, from its workgroup memory on. */
export function tiled(form: MatmulForm, block: Block): string {
  const { m, n, rows, columns, k: depth } = block;
  const across = n / columns;
  const down = m / rows;
  const threads = across * down;
  const quads = columns / 4;
  const slices = depth / 4;
  const load = staging(form, block, threads);
  const cells = (line: (row: number, quad: number) => string) =>
    unroll(rows, (r) => unroll(quads, (q) => line(r, q)));
  const column = (q: number) => `n0 + x * 4u + ${q * across * 4}u`;
  const row = `m0 + y * 4u + r / 4u * ${down * 4}u + r % 4u`;
  const resume = form.resume
    ? /* wgsl */ `
  for (var r = 0u; r < ${rows}u; r++) {
${unroll(quads, (q) => `    let v${q} = held(base_c, ${row}, ${column(q)});`)}
    ${choice("r", rows, (r) => unroll(quads, (q) => `c${r}_${q} = v${q};`))}
  }`
    : "";
  // Step j of quad kq of a slice.
  const step = (kq: number, j: number) =>
    [
      unroll(rows / 4, (q) =>
        `      let a${q}_${j} = tile_a[${kq}][${j}][ya + ${q * down}u];`),
      unroll(quads, (q) =>
        `      let b${q}_${j} = tile_b[${kq}][${j}][xb + ${q * across}u];`),
      cells((r, q) =>
        `      c${r}_${q} = fma(vec4<f32>(a${Math.floor(r / 4)}_${j}[${
          r % 4
        }]), b${q}_${j}, c${r}_${q});`
      ),
    ].join("\n");
  const multiply = unroll(slices, (kq) =>
    /* wgsl */ `    {
      let ya = y ^ turn(${kq}u);
      let xb = x ^ turn(${kq}u);
${unroll(4, (j) => step(kq, j))}
    }`);
  const sums = summing(form, block);
  return /* wgsl */ `
var<workgroup> tile_a: array<array<array<vec4<f32>, ${m / 4}>, 4>, ${slices}>;
var<workgroup> tile_b: array<array<array<vec4<f32>, ${n / 4}>, 4>, ${slices}>;
fn turn(kq: u32) -> u32 { return kq * ${8 / slices}u; }
${load.functions}
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) t: u32,
) {
  let tiles = vec2<u32>((p.N + ${n - 1}u) / ${n}u, (p.M + ${m - 1}u) / ${m}u);
  let tile = group.x + group.y * groups.x;
  if (tile >= tiles.x * tiles.y) { return; }
  let band = tile / (${BAND}u * tiles.x) * ${BAND}u;
  let within = tile % (${BAND}u * tiles.x);
  let rows = min(${BAND}u, tiles.y - band);
  let m0 = (band + within % rows) * ${m}u;
  let n0 = within / rows * ${n}u;
  let x = t % 8u + t / 32u % ${across / 8}u * 8u;
  let y = t / 8u % 4u + t / ${32 * across / 8}u * 4u;
${offsets(form, "group.z")}
${cells((r, q) => `  var c${r}_${q} = vec4<f32>();`)}
${resume}
${sums.start}
${load.registers}
${load.fetch("0u")}
${load.store}
  workgroupBarrier();
  for (var k0 = 0u; k0 < end; k0 += ${depth}u) {
    let next = k0 + ${depth}u;
    if (next < end) {
${load.fetch("next")}
    }
${multiply}
${sums.step}
    workgroupBarrier();
    if (next < end) {
${load.store}
    }
    workgroupBarrier();
  }
${sums.end}
  for (var r = 0u; r < ${rows}u; r++) {
    let row = ${row};
    if (row >= p.M) { break; }
${unroll(quads, (q) => `    var v${q} = vec4<f32>();`)}
    ${choice("r", rows, (r) => unroll(quads, (q) => `v${q} = c${r}_${q};`))}
${
    unroll(quads, (q) =>
      `    finish(base_c, row, ${column(q)}, v${q} + shift(${column(q)}));`)
  }
  }
}
`;
}

/**
 * The text that brings a slice from storage to registers, and on to workgroup
 * memory. The quads of A and then those of B are dealt to the invocations in
 * order, so that neighboring invocations fetch neighbors in storage.
 */
function staging(
  form: MatmulForm,
  { m, n, k: depth }: Block,
  threads: number,
) {
  const slices = depth / 4;
  const operand = (name: string, size: number, alongK: boolean) => {
    const [kq, at] = alongK
      ? [`i % ${slices}u`, `i / ${slices}u`]
      : [`i / ${size / 4}u`, `i % ${size / 4}u`];
    return /* wgsl */ `
fn fetch_${name}(base: u32, start: u32, k0: u32, end: u32, i: u32) -> mat4x4<f32> {
  let k = k0 + (${kq}) * 4u;
  if (k >= end) { return mat4x4<f32>(); }
  return load_${name}(base, start + (${at}) * 4u, k, end);
}
fn store_${name}(i: u32, quad: mat4x4<f32>) {
  let kq = ${kq};
  let at = (${at}) ^ turn(kq);
${unroll(4, (j) => `  tile_${name}[kq][${j}][at] = quad[${j}];`)}
}`;
  };
  const counts = { a: m * slices / 4, b: n * slices / 4 };
  const all = counts.a + counts.b;
  const slots = Math.ceil(all / threads);
  /**
   * The lines for the quads of A and B that an invocation has, one quad a slot.
   */
  const deal = (line: (name: "a" | "b", slot: number, i: string) => string) =>
    unroll(slots, (slot) => {
      const [first, last] = [
        slot * threads,
        Math.min((slot + 1) * threads, all),
      ];
      const a = line("a", slot, `t + ${first}u`);
      const b = line("b", slot, `t + ${first}u - ${counts.a}u`);
      const short = (slot + 1) * threads > all;
      const ofB = short ? `if (t < ${all - first}u) { ${b} }` : b;
      if (first >= counts.a) return `      ${ofB}`;
      if (last <= counts.a) return `      ${a}`;
      return `      if (t < ${counts.a - first}u) { ${a} } else ${
        short ? ofB : `{ ${b} }`
      }`;
    });
  return {
    functions: operand("a", m, !form.transposeA) +
      operand("b", n, form.transposeB),
    registers: unroll(slots, (s) => `  var quad${s} = mat4x4<f32>();`),
    fetch: (k0: string) =>
      deal((name, slot, i) =>
        `quad${slot} = fetch_${name}(base_${name}, ${
          name === "a" ? "m0" : "n0"
        }, ${k0}, end, ${i});`
      ),
    store: deal((name, slot, i) => `store_${name}(${i}, quad${slot});`),
  };
}

/**
 * The text for sums along k, before, in and after the loop over k. Workgroups
 * of the first column of tiles sum rows of op(A), or those of the first row
 * columns of op(B).
 */
function summing({ sums, resume }: MatmulForm, { m, n, k: depth }: Block) {
  if (!sums) return { start: "", step: "", end: "" };
  const [first, start, size, end] = sums === "a"
    ? ["n0 == 0u", "m0", m, "p.M"]
    : ["m0 == 0u", "n0", n, "p.N"];
  return {
    start: /* wgsl */ `
  let sums_here = ${first} && t < ${size / 4}u;
  var total = vec4<f32>();
  ${
      resume
        ? `if (sums_here) { total = held_sums(base_s, ${start} + t * 4u); }`
        : ""
    }`,
    step: /* wgsl */ `
    if (sums_here) {
      for (var kq = 0u; kq < ${depth / 4}u; kq++) {
        let at = t ^ turn(kq);
${unroll(4, (j) => `        total += tile_${sums}[kq][${j}][at];`)}
      }
    }`,
    end: /* wgsl */ `
  if (sums_here) { finish_sums(base_s, ${start} + t * 4u, ${end}, total); }`,
  };
}
