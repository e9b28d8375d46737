// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The product for adapters on the CPU: an invocation computes a block of C in
// registers. Lane after lane takes the next block along n. The registers of the
// block are named c{row}_{quad of columns}. C is read and written row by row
// through registers v{quad}, because text for each element would take the
// driver seconds to compile. `deno task wgsl matmul direct16` prints the text
// that results.

import type { Block, MatmulForm } from "./matmul_form.ts";
import { offsets } from "./matmul_operands.ts";
import { choice, unroll } from "./unroll.ts";

/** The invocations of a workgroup: a CPU's vector width. */
export const DIRECT_WORKGROUP = 8;

/** The text of the kernel, from its entry point on. */
export function direct(form: MatmulForm, { m, n }: Block): string {
  const quads = n / 4;
  const cells = (line: (row: number, quad: number) => string) =>
    unroll(m, (row) => unroll(quads, (quad) => line(row, quad)));
  const rows = (line: (row: number, quad: number) => string) =>
    choice("r", m, (row) => unroll(quads, (quad) => line(row, quad)));
  const resume = form.resume
    ? /* wgsl */ `
  for (var r = 0u; r < stop; r++) {
${
      unroll(
        quads,
        (q) => `    let v${q} = held(base_c, m0 + r, n0 + ${4 * q}u);`,
      )
    }
    ${rows((r, q) => `c${r}_${q} = v${q};`)}
  }`
    : "";
  const sums = summing(form, { m, n });
  return /* wgsl */ `
@compute @workgroup_size(${DIRECT_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let across = (p.N + ${n - 1}u) / ${n}u;
  let block = id.x + id.y * groups.x * ${DIRECT_WORKGROUP}u;
  let m0 = block / across * ${m}u;
  let n0 = block % across * ${n}u;
  if (m0 >= p.M) { return; }
  let stop = min(${m}u, p.M - m0);
${offsets(form, "id.z")}
${cells((r, q) => `  var c${r}_${q} = vec4<f32>();`)}
${resume}
${sums.start}
  for (var k = 0u; k < end; k += 4u) {
${
    unroll(quads, (q) =>
      `    let b${q} = load_b(base_b, n0 + ${4 * q}u, k, end);`)
  }
${
    unroll(m / 4, (g) =>
      [
        `    let a${g} = load_a(base_a, m0 + ${4 * g}u, k, end);`,
        ...[0, 1, 2, 3].flatMap((r) =>
          Array.from({ length: quads }, (_, q) => {
            const c = `c${4 * g + r}_${q}`;
            return "    " + [0, 1, 2, 3].map((j) =>
              `${c} = fma(vec4<f32>(a${g}[${j}][${r}]), b${q}[${j}], ${c});`
            ).join(" ");
          })
        ),
      ].join("\n"))
  }
${sums.step}
  }
${sums.end}
  for (var r = 0u; r < stop; r++) {
${unroll(quads, (q) => `    var v${q} = vec4<f32>();`)}
    ${rows((r, q) => `v${q} = c${r}_${q};`)}
    for (var q = 0u; q < ${quads}u; q++) {
      let at = n0 + q * 4u;
      if (at >= p.N) { break; }
      var v = vec4<f32>();
      ${choice("q", quads, (q) => `v = v${q};`)}
      finish(base_c, m0 + r, at, v + shift(at));
    }
  }
}
`;
}

/**
 * The text for sums along k, before, in and after the loop over k. Blocks of
 * the first columns sum rows of op(A), or blocks of the first rows columns of
 * op(B).
 */
function summing(
  { sums, resume }: MatmulForm,
  { m, n }: Pick<Block, "m" | "n">,
) {
  if (!sums) return { start: "", step: "", end: "" };
  const [first, start, size, end] = sums === "a"
    ? ["n0 == 0u", "m0", m, "p.M"]
    : ["m0 == 0u", "n0", n, "p.N"];
  const quads = size / 4;
  return {
    start: unroll(quads, (g) => `  var total${g} = vec4<f32>();`) +
      (resume
        ? /* wgsl */ `
  if (${first}) {
    for (var g = 0u; g < ${quads}u; g++) {
      let v = held_sums(base_s, ${start} + g * 4u);
      ${choice("g", quads, (g) => `total${g} = v;`)}
    }
  }`
        : ""),
    step: unroll(
      quads,
      (g) =>
        [0, 1, 2, 3].map((j) => `    total${g} += ${sums}${g}[${j}];`).join(""),
    ),
    end: /* wgsl */ `
  if (${first}) {
    for (var g = 0u; g < ${quads}u; g++) {
      var v = vec4<f32>();
      ${choice("g", quads, (g) => `v = total${g};`)}
      finish_sums(base_s, ${start} + g * 4u, ${end}, v);
    }
  }`,
  };
}
