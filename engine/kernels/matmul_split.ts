// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The second half of a product that is split along k. It adds the parts, in
// order, and ends as the product would have. An invocation owns four neighbors
// of C; further invocations own one sum along k each.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import {
  byFours,
  declareBindings,
  epilogue,
  type EpilogueForm,
  PLAIN_EPILOGUE,
  readFour,
  type Reading,
} from "./matmul_epilogue.ts";

const PARAMS = /* wgsl */ `
struct Params {
  M: u32,
  N: u32,
  ldc: u32, // elements from one row of C to the next
  offset_c: u32, // where the first element lies
  bias_at: u32,
  sums_at: u32,
  parts: u32,
  sums_length: u32,
}`;

/**
 * The kernel of a form. It binds the parts `[parts, M, N]`, those of the sums
 * if the form has them, and then what {@linkcode declareBindings} says.
 */
export const splitKernel: (form: EpilogueForm) => Kernel = defineKernels({
  name: "matmul_split",
  make: (form) => {
    const { vectorC, resume, sums } = form;
    const like = byFours(vectorC);
    const given: [string, Reading][] = [["parts", like]];
    if (sums) given.push(["sums_parts", "scalar"]);
    return {
      name: "matmul_split",
      wgsl: [
        PARAMS,
        declareBindings(given, form),
        epilogue(form),
        /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let quads = (p.N + 3u) / 4u;
  let at = id.x + id.y * groups.x * 64u;
  if (at < p.M * quads) {
    let m = at / quads;
    let n = at % quads * 4u;
    var v = ${resume ? "held(p.offset_c, m, n)" : "vec4<f32>()"};
    var i = m * p.N + n;
    for (var part = 0u; part < p.parts; part++) {
      v += ${readFour("parts", like)};
      i += p.M * p.N;
    }
    finish(p.offset_c, m, n, v + shift(n));
  }
  ${sums ? sumsText(resume) : ""}
}
`,
      ].join("\n"),
    };
  },
  forms: {
    plain: PLAIN_EPILOGUE,
  },
});

/** The text that adds the parts of the sums along k. */
function sumsText(resume: boolean): string {
  return /* wgsl */ `
  let s = at - p.M * quads;
  if (at >= p.M * quads && s < p.sums_length) {
    var v = ${resume ? "sums[p.sums_at + s]" : "0.0"};
    for (var part = 0u; part < p.parts; part++) {
      v += sums_parts[part * p.sums_length + s];
    }
    sums[p.sums_at + s] = v;
  }`;
}
